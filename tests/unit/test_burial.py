"""What Genesys deleted: told first, kept as long as anything late may come, then gone from the log too."""

from __future__ import annotations

from datetime import timedelta

from handlers.events import PresenceUpdated
from handlers.normalise.burial import burial
from handlers.normalise.normaliser import tables
from processor.event import Gone
from tests.unit.normalisedesk import NOW, Log

GONE, HERE = "agent/gone", "agent/here"


def told(subject: str, *, deleted: bool) -> PresenceUpdated:
    return PresenceUpdated(
        id=f"{subject}:{deleted}",
        time=NOW - timedelta(days=7),
        subject=subject,
        user_id=subject.partition("/")[2],
        deleted=deleted,
        received_at=NOW,
    )


async def test_a_deleted_subject_ends_as_a_tombstone_when_nothing_late_can_come_any_more() -> None:
    log, known = Log(), tables()
    for event in (told(GONE, deleted=True), told(HERE, deleted=False)):
        log.add(event.to_message())
    for table in known.values():
        await table.load(log, 0)
    tick = burial(known)
    assert list(tick.work(0, NOW + timedelta(hours=25))) == []
    (gone,) = tick.work(0, NOW + timedelta(hours=27))
    assert isinstance(gone, Gone)
    message = gone.to_message()
    assert (message.topic, message.key, message.value) == ("genesys.presence", GONE, None)
    presence = known["genesys.presence"]
    assert presence.takes(gone)
    presence.apply(gone)
    assert list(tick.work(0, NOW + timedelta(hours=28))) == []
    assert presence.get(GONE) is None
    assert presence.get(HERE) is not None


async def test_the_tombstone_is_read_back_as_what_it_is() -> None:
    log, known = Log(), tables()
    deleted = told(GONE, deleted=True)
    log.add(deleted.to_message())
    log.add(Gone(f"{deleted.id}/gone", deleted.topic, GONE, deleted.source, NOW).to_message())
    table = known["genesys.presence"]
    await table.load(log, 0)
    assert table.get(GONE) is None
