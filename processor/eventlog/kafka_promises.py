"""What a topic of Kafka must be set to so that our promises hold, and what is wrong with one that is not.

Pure: `settings_for` makes a topic, `judge` reads one. `kafka_topics.py` does both on a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from processor.eventlog import Topic

MIN_COMPACTION_LAG = timedelta(hours=25)
"""Senders repeat for 24 hours, and repeats are known by the ids that lie in the clean topics."""
TOMBSTONES_KEPT = timedelta(days=7)
"""A reader that was away over a long weekend still sees what was deleted."""
TOMBSTONES_AT_LEAST = timedelta(hours=24)
COMPACTED_WITHIN = timedelta(days=7)
"""What was overwritten or erased is gone from the disk after this."""
SEGMENTS = 7
"""Records go with the whole segment that they lie in: so a seventh of the time later than promised at most."""
UNLIMITED = -1

READ = (
    "cleanup.policy",
    "delete.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.type",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "retention.bytes",
    "retention.ms",
    "segment.ms",
    "unclean.leader.election.enable",
)
"""The settings that `judge` looks at."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What holds for all topics: partitions, replicas, and the largest record (bytes) that must fit."""

    partitions: int
    replication: int
    max_bytes: int

    @property
    def in_sync(self) -> int:
        """How many replicas must have a record before it is acknowledged: one broker may be down."""
        return 2 if self.replication > 2 else 1


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the cluster describes it; `settings` None: we may not see them."""

    partitions: int
    replication: int
    settings: Mapping[str, str] | None
    reached: str = "--bootstrap-server HOST:9092"
    """What Kafka's own tools must be told to reach the cluster."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting that is not as it should be: why that matters, and how to mend it. `breaks`: do not start on it."""

    topic: str
    setting: str
    found: str
    why: str
    remedy: str
    breaks: bool = True

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}: {self.why}. To mend it: {self.remedy}"


def milliseconds(span: timedelta) -> int:
    """As Kafka's settings count time."""
    return int(span / timedelta(milliseconds=1))


def settings_for(topic: Topic, wanted: Wanted) -> dict[str, str]:
    """The settings of a topic that we make."""
    settings = {
        "min.insync.replicas": str(wanted.in_sync),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(wanted.max_bytes),
        "message.timestamp.type": "LogAppendTime",
    }
    if topic.compact:
        return settings | {
            "cleanup.policy": "compact",
            "min.compaction.lag.ms": str(milliseconds(MIN_COMPACTION_LAG)),
            "max.compaction.lag.ms": str(milliseconds(COMPACTED_WITHIN)),
            "delete.retention.ms": str(milliseconds(TOMBSTONES_KEPT)),
        }
    settings |= {"cleanup.policy": "delete", "retention.bytes": str(UNLIMITED)}
    if topic.retention is None:
        return settings | {"retention.ms": str(UNLIMITED)}
    kept = milliseconds(topic.retention)
    return settings | {"retention.ms": str(kept), "segment.ms": str(kept // SEGMENTS)}


def judge(topic: Topic, found: Found, wanted: Wanted) -> list[Finding]:
    """Everything that is not as promised, what breaks a promise first."""
    findings = [*_shape(topic.name, found, wanted)]
    if found.settings is None:
        findings.append(
            Finding(
                topic.name,
                "settings",
                "hidden",
                "we may not read them, so nobody checks them",
                "permit DescribeConfigs on the topic, or check them against docs/kafka.md",
                breaks=False,
            )
        )
    else:
        findings += _durability(topic.name, found, wanted)
        findings += _compacted(topic.name, found) if topic.compact else _kept(topic, found)
    return sorted(findings, key=lambda finding: not finding.breaks)


def judge_internal(name: str, found: Found, wanted: Wanted) -> list[Finding]:
    """Of a topic that Kafka keeps for itself, and for all who use the cluster: worth a warning, no more."""
    findings = []
    if found.replication < wanted.replication:
        findings.append(
            Finding(
                name,
                "replication",
                str(found.replication),
                "positions of consumer groups and open transactions are lost with a broker",
                "move its partitions with kafka-reassign-partitions.sh",
            )
        )
    settings = {"unclean.leader.election.enable", "min.insync.replicas"}
    findings += [item for item in _durability(name, found, wanted) if item.setting in settings]
    return [replace(item, breaks=False) for item in findings]


def _shape(name: str, found: Found, wanted: Wanted) -> Iterator[Finding]:
    if found.partitions != wanted.partitions:
        yield Finding(
            name,
            "the number of partitions",
            str(found.partitions),
            f"every topic must have the same, here {wanted.partitions}, so that one process writes a subject",
            f"set PARTITIONS to {found.partitions} if all our topics have so many, else make the topic anew (adding "
            "partitions moves keys to others and is no remedy)",
        )
    if found.replication < wanted.replication:
        yield Finding(
            name,
            "replication",
            str(found.replication),
            f"{wanted.replication} replicas are expected: what was acknowledged is lost with a broker",
            "move its partitions with kafka-reassign-partitions.sh, or accept it: "
            f"KAFKA_REPLICATION={found.replication}",
        )


def _durability(name: str, found: Found, wanted: Wanted) -> Iterator[Finding]:
    if _text(found, "unclean.leader.election.enable") == "true":
        yield _set(
            name,
            found,
            "unclean.leader.election.enable",
            "false",
            "a replica that lags may become leader, and acknowledged records are lost",
        )
    least = _number(found, "min.insync.replicas")
    if least is not None and found.replication > 2 and least < 2:
        yield _set(name, found, "min.insync.replicas", "2", "a record is acknowledged that only one broker has")
    if least is not None and least > found.replication:
        right = str(Wanted(1, found.replication, 0).in_sync)
        yield _set(name, found, "min.insync.replicas", right, "more than there are replicas: every append is refused")
    elif least is not None and least == found.replication > 1:
        right = str(max(1, found.replication - 1))
        why = "as many as there are replicas: one broker down, and every append is refused"
        yield _set(name, found, "min.insync.replicas", right, why, breaks=False)
    largest = _number(found, "max.message.bytes")
    if largest is not None and largest < wanted.max_bytes:
        why = "records that the receiver accepts would not fit"
        yield _set(name, found, "max.message.bytes", str(wanted.max_bytes), why)
    if _text(found, "message.timestamp.type") == "CreateTime":
        why = "age, and so retention, follows the writers' clocks"
        yield _set(name, found, "message.timestamp.type", "LogAppendTime", why, breaks=False)


def _compacted(name: str, found: Found) -> Iterator[Finding]:
    if _policies(found) != {"compact"}:
        why = "the last state of each key must stay for ever, and only that"
        yield _set(name, found, "cleanup.policy", "compact", why)
    yield from _at_least(
        name,
        found,
        "min.compaction.lag.ms",
        (MIN_COMPACTION_LAG, MIN_COMPACTION_LAG),
        "the ids of the last 24 hours, by which a repeated delivery is known, are compacted away",
    )
    yield from _at_least(
        name,
        found,
        "delete.retention.ms",
        (TOMBSTONES_AT_LEAST, TOMBSTONES_KEPT),
        "a reader that was away for a day never learns what was deleted",
    )
    longest, right = _number(found, "max.compaction.lag.ms"), milliseconds(COMPACTED_WITHIN)
    if longest is not None and longest > right:
        why = f"what was replaced or erased may stay on the disk for longer than {COMPACTED_WITHIN.days} days"
        yield _set(name, found, "max.compaction.lag.ms", str(right), why, breaks=False)


def _kept(topic: Topic, found: Found) -> Iterator[Finding]:
    if _policies(found) != {"delete"}:
        why = "all records of the time must stay, not the last of each key"
        yield _set(topic.name, found, "cleanup.policy", "delete", why)
    if _number(found, "retention.bytes") not in {None, UNLIMITED}:
        why = "records go when there is much traffic, before their time"
        yield _set(topic.name, found, "retention.bytes", str(UNLIMITED), why)
    kept, promised = _number(found, "retention.ms"), topic.retention
    if kept is None or promised is None:
        return
    right = str(milliseconds(promised))
    if kept != UNLIMITED and kept < int(right):
        why = f"records are promised to stay for {promised.days} days"
        yield _set(topic.name, found, "retention.ms", right, why)
    elif kept == UNLIMITED or kept > int(right):
        why = f"data about people stays longer than the promised {promised.days} days"
        yield _set(topic.name, found, "retention.ms", right, why, breaks=False)
    rolled = _number(found, "segment.ms")
    if rolled is not None and rolled > int(right) // 2:
        why = f"records stay for so long after their {promised.days} days, since they go a segment at a time"
        yield _set(topic.name, found, "segment.ms", str(int(right) // SEGMENTS), why, breaks=False)


def _at_least(name: str, found: Found, setting: str, spans: tuple[timedelta, timedelta], why: str) -> Iterator[Finding]:
    """`spans`: the least that holds the promise, and what we would set."""
    least, right = (milliseconds(span) for span in spans)
    value = _number(found, setting)
    if value is not None and value < least:
        yield _set(name, found, setting, str(right), why)


def _set(name: str, found: Found, setting: str, right: str, why: str, *, breaks: bool = True) -> Finding:
    topic = f"--entity-type topics --entity-name {name}"
    remedy = f"kafka-configs.sh {found.reached} --alter {topic} --add-config {setting}={right}"
    return Finding(name, setting, _text(found, setting) or "not set", why, remedy, breaks)


def _policies(found: Found) -> set[str]:
    """Empty policies do not exist; an unknown one is no reason to refuse."""
    text = _text(found, "cleanup.policy")
    return {part.strip() for part in text.split(",")} if text else set()


def _text(found: Found, setting: str) -> str | None:
    return found.settings.get(setting) if found.settings is not None else None


def _number(found: Found, setting: str) -> int | None:
    text = _text(found, setting)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
