"""Forgetting a subject: WFM and calendars are told that it is gone, then its records leave the log."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta

from processor.app.log import open_file, utc_now
from processor.app.topics import TOPICS
from processor.audit import OUTCOMES, without_content
from processor.errors import PoisonError
from processor.event import RAW, Envelope, instant
from processor.eventlog import Message
from processor.eventlog.sqlite import SqliteLog
from processor.settings import Settings

ANSWERS = {
    "agent": ("presence", "shifts"),
    "queue": ("queue",),
    "schedule-group": ("schedule-group",),
    "campaign": ("campaign",),
}
"""What a look-up would answer of such a subject if Genesys had deleted it."""

TOLD_WITHIN_SECONDS = 30
TURN_SECONDS = 0.2


async def forget(settings: Settings, subject: str) -> list[str]:
    """Sentences for whoever asked: what went, who was told, and what remains where until when.

    Raises `PoisonError` for what is no subject.
    """
    kind, _, name = subject.partition("/")
    if not kind or not name:
        raise PoisonError(f"{subject!r} is no subject: agent/<user id>, queue/<id>, schedule-group/<id>, campaign/<id>")
    async with open_file(settings) as log:
        waiting: dict[str, str] = {}
        running = log.held("normalise")
        if running and kind in ANSWERS:
            waiting = await _tell(log, subject, ANSWERS[kind])
        erased = await log.erase(subject, {OUTCOMES: without_content}, set(waiting.values()))
        await log.append(list(_tombstones(subject, erased)))
    return [*_went(subject, erased), *_told(settings, waiting, running=running), *_remains(kind)]


async def _tell(log: SqliteLog, subject: str, answers: Iterable[str]) -> dict[str, str]:
    """Let the normaliser say that it is gone; returns who has not taken note in time."""
    now = utc_now()
    told = [
        Envelope(
            id=f"forget-{uuid.uuid4()}",
            source="genesys/unknown",
            type=f"answer.{what}",
            subject=subject,
            time=now,
            received_at=now,
            data=b'{"deleted":true}',
        ).to_message()
        for what in answers
    ]
    await log.append(told)
    waiting = dict(await log.behind(subject))
    for _ in range(int(TOLD_WITHIN_SECONDS / TURN_SECONDS)):
        if not waiting:
            break
        await asyncio.sleep(TURN_SECONDS)
        waiting = dict(await log.behind(subject))
    return waiting


def _tombstones(subject: str, erased: Mapping[str, int]) -> Iterable[Message]:
    """For programs that keep a state by key: this key is no more."""
    for topic in TOPICS:
        if topic.compact and erased.get(topic.name):
            headers = {
                "ce_specversion": "1.0",
                "ce_id": f"forget-{uuid.uuid4()}",
                "ce_source": "genesys/unknown",
                "ce_type": f"{topic.name}.forgotten",
                "ce_subject": subject,
                "ce_time": instant(utc_now()),
            }
            yield Message(topic.name, subject, None, headers)


def _went(subject: str, erased: Mapping[str, int]) -> Iterable[str]:
    counts = {name: count for name, count in erased.items() if count}
    yield f"{subject}: {sum(counts.values())} records erased" + (":" if counts else "; the log held none")
    for name, count in counts.items():
        note = " (their content; the links of the audit chain stay)" if name == OUTCOMES else ""
        yield f"  {name} {count}{note}"


def _told(settings: Settings, waiting: dict[str, str], *, running: bool) -> Iterable[str]:
    far = [name for name, url in (("WFM", settings.wfm_url), ("calendars", settings.caldav_url)) if url]
    if far and not running:
        yield f"not told, since the product was not running: {', '.join(far)}; delete it there"
    for group, topic in waiting.items():
        yield f"not told yet: {group}; the last record of {topic} stays until it was: then say forget once more"
    if far and running and not waiting:
        yield f"told that it is gone: {', '.join(far)}"


def _remains(kind: str) -> Iterable[str]:
    kept = {topic.name: topic.retention for topic in TOPICS}
    until = instant(utc_now() + (kept[RAW] or timedelta()))
    yield f"remains in {RAW} until {until}: deliveries that name several subjects and lie under another"
    yield "remains where you put it: backups of the log, AUDIT_FILE, programs that read the topics"
    if kind in ANSWERS:
        yield "remains in Genesys: its next event about it brings it back, unless it is deleted there"
