"""The brake says the same at both doors: of a queue that is known, of one not seen yet, and of a slip of the pen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from handlers.events import QueueUpdated
from processor.app.operations import Desk
from processor.app.queues import may_be_braked
from processor.cli.queues import _id
from processor.errors import PoisonError
from processor.settings import load
from processor.telemetry import Metrics
from tests.unit.memorylog import MemoryLog

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KNOWN = QueueUpdated(id="e1", time=NOW, subject="queue/email-1", queue_id="email-1", name="Email")
UNSEEN = "9d8e7f60-0000-4000-8000-00000000000a"
BRAKE = {"reason": "training", "by": "ana", "restore": False}


def desk(log: MemoryLog) -> Desk:
    return Desk(load({}), log, [], Metrics.build(), lambda: NOW)


@pytest.mark.parametrize(
    "word", ["email-1", UNSEEN, UNSEEN.upper(), "email-2", "Email-1", UNSEEN[:-1], "Email%20Support"]
)
async def test_the_command_line_and_the_admin_port_take_and_refuse_the_same_ids(word):
    log = MemoryLog()
    await log.append([KNOWN.to_message()])
    at = desk(log)
    made = [await at.freeze(word, **BRAKE), await at.resume(word, **BRAKE)]
    written = [one.message.key for one in log.all("genesys.requests")]
    if word in ("email-1", UNSEEN):
        assert [one["queueId"] for one in made] == [_id(word, await at.queues())] * 2 == [word] * 2
        assert written == [f"queue/{word}"] * 2
    else:
        assert (made, written) == ([None, None], [])
        with pytest.raises(PoisonError, match="no queue is known as"):
            _id(word, await at.queues())


async def test_while_nothing_is_known_yet_any_id_can_be_frozen_at_both():
    log = MemoryLog()
    assert (await desk(log).freeze("queue-7", **BRAKE))["queueId"] == _id("queue-7", []) == "queue-7"
    assert [one.message.key for one in log.all("genesys.requests")] == ["queue/queue-7"]


def test_what_only_begins_like_an_id_is_none():
    assert not may_be_braked(f"{UNSEEN}0", {"email-1"})
    assert not may_be_braked(f"{UNSEEN}\n", {"email-1"})
