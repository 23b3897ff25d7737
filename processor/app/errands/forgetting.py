"""Forgetting a subject: WFM and calendars are told that it is gone, then its records leave the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from processor.app.errands.forgetting_kafka import forget_in_kafka
from processor.app.errands.gone import ANSWERS, elsewhere, gone, told, tombstone
from processor.app.errands.waiting import within
from processor.app.kafka import is_kafka
from processor.app.log import open_file, utc_now
from processor.app.topics import TOPICS
from processor.audit import OUTCOMES, without_content
from processor.errors import PoisonError
from processor.event import RAW, instant
from processor.eventlog.sqlite import SqliteLog
from processor.settings import Settings


async def forget(settings: Settings, subject: str) -> list[str]:
    """Sentences for whoever asked: what went, who was told, and what remains where until when.

    Raises `PoisonError` for what is no subject.
    """
    kind, _, name = subject.partition("/")
    if not kind or not name:
        raise PoisonError(f"{subject!r} is no subject: agent/<user id>, queue/<id>, schedule-group/<id>, campaign/<id>")
    if is_kafka(settings):
        return await forget_in_kafka(settings, subject)
    async with open_file(settings) as log:
        waiting: dict[str, str] = {}
        running = log.held("normalise")
        if running and kind in ANSWERS:
            waiting = await _tell(log, subject)
        erased = await log.erase(subject, {OUTCOMES: without_content}, set(waiting.values()))
        await log.append(
            [tombstone(topic.name, subject) for topic in TOPICS if topic.compact and erased.get(topic.name)]
        )
    return [*_went(subject, erased), *told(settings, subject, waiting, running=running), *_remains(kind)]


async def _tell(log: SqliteLog, subject: str) -> dict[str, str]:
    """Let the normaliser say that it is gone; returns who has not taken note in time."""
    waiting: dict[str, str] = {}

    async def nobody_waits() -> bool:
        nonlocal waiting
        waiting = dict(await log.behind(subject))
        return not waiting

    await log.append(gone(subject))
    await within(nobody_waits)
    return waiting


def _went(subject: str, erased: Mapping[str, int]) -> Iterable[str]:
    counts = {name: count for name, count in erased.items() if count}
    yield f"{subject}: {sum(counts.values())} records erased" + (":" if counts else "; the log held none")
    for name, count in counts.items():
        note = " (their content; the links of the audit chain stay)" if name == OUTCOMES else ""
        yield f"  {name} {count}{note}"


def _remains(kind: str) -> Iterable[str]:
    kept = {topic.name: topic.retention for topic in TOPICS}
    until = instant(utc_now() + (kept[RAW] or timedelta()))
    yield f"remains in {RAW} until {until}: deliveries that name several subjects and lie under another"
    yield from elsewhere(kind)
