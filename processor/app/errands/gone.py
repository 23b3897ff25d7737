"""A subject that is to be forgotten: what is said of it in the topics, and in words. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from processor.app.log import utc_now
from processor.event import Envelope, instant
from processor.eventlog import Message
from processor.settings import Settings

ANSWERS = {
    "agent": ("presence", "shifts"),
    "queue": ("queue",),
    "schedule-group": ("schedule-group",),
    "campaign": ("campaign",),
}
"""What a look-up would answer of such a subject if Genesys had deleted it."""


def gone(subject: str) -> list[Message]:
    """To be appended to raw: the normaliser then says that it is gone."""
    now = utc_now()
    return [
        Envelope(
            id=f"forget-{uuid.uuid4()}",
            source="genesys/unknown",
            type=f"answer.{what}",
            subject=subject,
            time=now,
            received_at=now,
            data=b'{"deleted":true}',
        ).to_message()
        for what in ANSWERS.get(subject.partition("/")[0], ())
    ]


def tombstone(topic: str, subject: str) -> Message:
    """For programs that keep a state by key: this key is no more."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"forget-{uuid.uuid4()}",
        "ce_source": "genesys/unknown",
        "ce_type": f"{topic}.forgotten",
        "ce_subject": subject,
        "ce_time": instant(utc_now()),
    }
    return Message(topic, subject, None, headers)


def told(settings: Settings, subject: str, waiting: Mapping[str, str], *, running: bool = True) -> Iterable[str]:
    """Which far sides know of it. `waiting`: by group the topic that it has not read to the end."""
    far = [name for name, url in (("WFM", settings.wfm_url), ("calendars", settings.caldav_url)) if url]
    kind = subject.partition("/")[0]
    why = "the product was not running" if not running else f"nobody says of a {kind} that it is gone"
    untold = not running or kind not in ANSWERS
    if far and untold:
        yield f"not told, since {why}: {', '.join(far)}; delete it there"
    for group, topic in waiting.items():
        yield f"not told yet: {group}; the last record of {topic} stays until it was: then say forget once more"
    if far and not untold and not waiting:
        yield f"told that it is gone: {', '.join(far)}"


def elsewhere(kind: str) -> Iterable[str]:
    """What no command of ours reaches."""
    yield "remains where you put it: backups of the log, AUDIT_FILE, programs that read the topics"
    if kind in ANSWERS:
        yield "remains in Genesys: its next event about it brings it back, unless it is deleted there"
