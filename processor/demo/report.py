"""What the demo came to, counted at the far sides: the sandbox's own ledger against what arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from processor.app.topics import TOPICS
from processor.eventlog import EventLog, Record

CLEAN = frozenset({"schedules", "shifts", "presence", "queues", "volume", "campaigns", "profiles"})
FACETS = {"presence": ("presence", "presenceSince"), "routing": ("routingStatus", "routingStatusSince")}
"""What the sandbox says of an agent, and where a WFM system sees it."""


async def records(log: EventLog) -> dict[str, list[Record]]:
    """Everything that the log holds, by topic without its prefix."""
    found: dict[str, list[Record]] = {}
    for topic in TOPICS:
        rows = found.setdefault(topic.name.removeprefix("genesys."), [])
        for partition in range(log.partitions):
            start, end = await log.bounds(topic.name, partition)
            rows.extend([record async for record in log.read(topic.name, partition, start, end)])
    return found


def report(
    seconds: float,
    ledger: Mapping[str, Any],
    wfm: Mapping[str, Any],
    calendars: Path,
    topics: Mapping[str, Sequence[Record]],
) -> dict[str, Any]:
    """INTERFACE §5. `lost` and `duplicated` are explained under `findings`.

    `duplicated`: what an idempotent reader would still have taken twice. `repeated`: deliveries that
    came again under the same id (after a crash, or a lost answer) and were known by it.
    """
    clean = [record for name in CLEAN for record in topics[name]]
    lost = [*_not_in_raw(ledger, topics["raw"]), *_not_at_wfm(ledger, wfm["events"]["state"])]
    doubled = [*_twice_in_topics(clean), *_told_differently(wfm, clean)]
    fates = Counter(_data(record)["fate"] for record in topics["fates"])
    arrived = {event["id"]: event["at"] for event in wfm["events"]["events"]}
    return {
        "seconds": round(seconds, 1),
        "received": sum(1 for entry in ledger["emitted"] if entry["acked"]),
        "normalised": len(clean),
        "synced": {"wfm": len(arrived), "calendar": sum(1 for _ in calendars.rglob("*.ics"))},
        "breaches": len(ledger["breaches"]),
        "decisions": len(topics["decisions"]),
        "adjustments": ledger["adjustments"],
        "restores": ledger["restores"],
        "escalations": len(wfm["escalations"]["events"]),
        "lost": len(lost),
        "duplicated": len(doubled),
        "repeated": sum(event["times"] - 1 for event in wfm["events"]["events"]) + wfm["events"]["repeatedBatches"],
        "staleDropped": fates["stale"],
        "duplicatesDropped": fates["duplicate"],
        "deadLetters": len(topics["deadletters"]),
        "latencyMs": {
            "clean": _percentiles(_waits(clean, lambda record: record.timestamp.timestamp())),
            "wfm": _percentiles(_waits(clean, lambda record: arrived.get(record.message.headers["ce_id"]))),
        },
        "findings": [*lost, *doubled],
    }


def _data(record: Record) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(record.message.value or b"{}")
    return data


def _not_in_raw(ledger: Mapping[str, Any], raw: Sequence[Record]) -> list[str]:
    known = {record.message.headers["ce_id"].partition("~")[0] for record in raw}
    return [f"acknowledged, not in raw: {e['id']}" for e in ledger["emitted"] if e["acked"] and e["id"] not in known]


def _not_at_wfm(ledger: Mapping[str, Any], state: Mapping[str, Any]) -> list[str]:
    """The last state of each agent that the sandbox told of, against the last that its WFM has."""
    missing = []
    for subject, said in ledger["state"].items():
        for facet, (value, since) in FACETS.items():
            if facet not in said or not subject.startswith("agent/"):
                continue
            seen = state.get(f"genesys.presence.updated {subject}", {}).get("data", {})
            if (seen.get(value), seen.get(since)) != (said[facet]["value"], said[facet]["since"]):
                missing.append(
                    f"{subject} {facet}: {said[facet]} was told, WFM has {seen.get(value)} {seen.get(since)}"
                )
    return missing


def _twice_in_topics(clean: Iterable[Record]) -> list[str]:
    counts = Counter((record.topic, record.message.headers["ce_id"]) for record in clean)
    return [f"{topic} holds {event_id} {count} times" for (topic, event_id), count in counts.items() if count > 1]


def _told_differently(wfm: Mapping[str, Any], clean: Iterable[Record]) -> list[str]:
    """What WFM took under an id must be the one record of that id, at its place in the topic."""
    places = {r.message.headers["ce_id"]: f"{r.partition}-{r.offset}" for r in clean if r.topic != "genesys.volume"}
    return [
        f"WFM took {event['id']} as {event['sequence']}, the topic has it at {places.get(event['id'])}"
        for event in wfm["events"]["events"]
        if places.get(event["id"]) != event["sequence"]
    ]


def _waits(clean: Iterable[Record], until: Any) -> list[float]:
    waits = []
    for record in clean:
        received = record.message.headers.get("ce_receivedat")
        moment = until(record)
        if received and moment is not None:
            waits.append((moment - datetime.fromisoformat(received).timestamp()) * 1000)
    return waits


def _percentiles(waits: list[float]) -> dict[str, float | None]:
    ordered = sorted(waits)
    if not ordered:
        return {"p50": None, "p99": None}
    return {name: round(ordered[int(share * (len(ordered) - 1))], 1) for name, share in (("p50", 0.5), ("p99", 0.99))}
