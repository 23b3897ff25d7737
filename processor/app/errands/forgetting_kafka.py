"""Forgetting a subject in Kafka, which removes no single records: its states end, the rest goes in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from processor.app.errands.gone import elsewhere, gone, told, tombstone
from processor.app.errands.waiting import WITHIN_SECONDS, turn, within
from processor.app.farsides import far_sides
from processor.app.log import open_log, utc_now
from processor.app.policy import policy
from processor.app.roles import Role, groups
from processor.app.topics import TOPICS
from processor.errors import FatalError
from processor.event import RAW, instant
from processor.eventlog import EventLog
from processor.eventlog.kafka_promises import COMPACTED_WITHIN, TOMBSTONES_KEPT
from processor.eventlog.partitions import partition_of
from processor.settings import Settings
from processor.telemetry import Metrics

STATES = tuple(topic.name for topic in TOPICS if topic.compact)
LATER = "It tells far sides as soon as it comes to it, and a day later it ends the states by itself"


async def forget_in_kafka(settings: Settings, subject: str) -> list[str]:
    """As `forgetting.forget`. Raises `FatalError` when nothing could be ended yet."""
    async with open_log(settings) as log:
        return await forget_in(log, settings, subject)


async def forget_in(log: EventLog, settings: Settings, subject: str) -> list[str]:
    """What raw still holds of it would bring it back once normalise comes to that, so that is waited for."""
    home = partition_of(subject, log.partitions)
    if not await _normalised(log, subject, home):
        reason = f"{subject} is not forgotten: normalise has not come to the end of {RAW} within {WITHIN_SECONDS} s"
        raise FatalError(f"{reason}; say forget once more when it runs and has no lag. {LATER}")
    await turn()  # brokers show a transaction some milliseconds after its end
    states = await _states(log, subject, home)
    waiting = await _untold(log, home, states, await _readers(settings))
    ended = [topic for topic in states if topic not in waiting.values()]
    await log.append([tombstone(topic, subject) for topic in ended])
    return [*_ends(subject, ended), *told(settings, subject, waiting), *_remains(subject.partition("/")[0])]


async def _readers(settings: Settings) -> Mapping[str, str]:
    """By group its topic: those that tell far sides of states."""
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        return {g.name: g.topic for g in groups((Role.SYNC,), policy(settings), far, utc_now) if g.topic in STATES}


async def _normalised(log: EventLog, subject: str, home: int) -> bool:
    """Let the normaliser say that it is gone; False when it has not within the time, slow or not there."""
    await log.append(gone(subject))
    first, end = await log.bounds(RAW, home)

    async def done() -> bool:
        return max(first, (await log.committed("normalise", RAW)).get(home, 0)) >= end

    return await within(done)


async def _states(log: EventLog, subject: str, home: int) -> Mapping[str, int]:
    """By topic the offset of its last record, where that is no tombstone."""
    found: dict[str, int] = {}
    for topic in STATES:
        async for record in log.read(topic, home, *await log.bounds(topic, home)):
            if record.message.key == subject:
                found[topic] = record.offset
                if record.message.value is None:
                    del found[topic]
    return found


async def _untold(log: EventLog, home: int, states: Mapping[str, int], readers: Mapping[str, str]) -> dict[str, str]:
    waiting = {group: topic for group, topic in readers.items() if topic in states}

    async def nobody_waits() -> bool:
        for group, topic in [*waiting.items()]:
            if (await log.committed(group, topic)).get(home, 0) > states[topic]:
                del waiting[group]
        return not waiting

    await within(nobody_waits)
    return waiting


def _ends(subject: str, topics: Iterable[str]) -> Iterable[str]:
    until = instant(utc_now() + COMPACTED_WITHIN + TOMBSTONES_KEPT)
    named = ", ".join(topics)
    yield (
        f"{subject}: ended in {named}; Kafka removes what they hold of it until {until}"
        if named
        else (f"{subject}: no topic holds a state of it")
    )


def _remains(kind: str) -> Iterable[str]:
    kept: dict[timedelta, list[str]] = {}
    for topic in TOPICS:
        if topic.retention:
            kept.setdefault(topic.retention, []).append(topic.name)
    for retention, names in kept.items():
        until = instant(utc_now() + retention)
        yield f"remains until {until}, since Kafka removes no single records: {', '.join(names)}"
    yield from elsewhere(kind)
