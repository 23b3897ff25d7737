"""Around the door: what takes an outcome back, what became of a request, and the page that describes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.events import Decision, Outcome
from handlers.requests.kinds import KINDS, read
from handlers.requests.words import InvalidRequest
from processor.app.requests.command import exit_code
from processor.app.requests.handing_in import Wait, as_asked, hand_in, known_already, state, undoing
from processor.app.requests.page import page
from processor.errors import ConflictError, RefusedError
from processor.eventlog import Message
from tests.unit.memorylog import MemoryLog
from tests.unit.things import ThingRequest, Things, asked

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
BLUE, GREEN = {"colour": "blue", "size": 1}, {"colour": "green", "size": 2}
FIELDS = {"thingId": "t1", "colour": "blue"}


@pytest.fixture(autouse=True)
def _things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "thing", ThingRequest)


def outcome(**more: Any) -> dict[str, Any]:
    told = {"requestId": "r1", "kind": "thing", "status": "done", "request": FIELDS, "before": GREEN, "after": BLUE}
    return {**told, **more}


def test_an_outcome_is_taken_back_as_long_as_what_it_left_is_there() -> None:
    request = undoing(outcome(), lambda _: Things())
    assert request.fields() == {"thingId": "t1", **GREEN, "expected": BLUE, "undoes": "r1"}


@pytest.mark.parametrize("status", ["failed", "done"])
def test_what_stands_in_part_can_be_taken_back_too(status: str) -> None:
    assert undoing(outcome(status=status), lambda _: Things()).undoes == "r1"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"status": "started"}, "nobody knows yet"),
        ({"status": "unknown"}, "whether it was created"),
        ({"status": "refused"}, "was refused"),
        ({"status": "conflict"}, "wrote nothing"),
        ({"before": BLUE}, "changed nothing"),
        ({"kind": "queue-adjust", "requestId": None}, "no request that can be undone"),
        ({"request": {**FIELDS, "new": True}}, "never unmade"),
    ],
)
def test_what_cannot_be_taken_back_says_why(more: dict[str, Any], why: str) -> None:
    with pytest.raises(RefusedError) as raised:
        undoing(outcome(**more), lambda _: Things())
    assert why in f"{raised.value} {raised.value.remedy}"


def test_what_broke_off_is_taken_back_only_while_what_it_left_is_there() -> None:
    """As far as somebody could see it; else as far as it was meant."""
    seen = outcome(status="failed", after={"colour": "pink"}, facts={"intended": BLUE})
    assert undoing(seen, lambda _: Things()).expected == {"colour": "pink", "size": 1}
    for unseen in ({}, GREEN):  # nobody could look, or it was too early to see it
        broken = outcome(status="failed", after=unseen, facts={"intended": BLUE})
        assert undoing(broken, lambda _: Things()).expected == BLUE
    for error in ("nobody knows what request r1 left", "what others did since"):
        with pytest.raises(RefusedError, match=error):
            undoing(outcome(status="failed", after={}), lambda _: Things())


def test_a_dead_letter_is_no_outcome_that_could_be_taken_back() -> None:
    letter = {"id": "r1", "requestId": "r1", "kind": "thing", "status": "failed", "deadLetter": "requests.x.1.2"}
    with pytest.raises(RefusedError, match="is a dead letter: KeyError"):
        undoing({**letter, "error": "KeyError"}, lambda _: Things())


def test_what_has_no_end_yet_cannot_be_taken_back() -> None:
    pending = {"id": "r1", "requestId": "r1", "kind": "thing", "status": "pending", "request": FIELDS}
    with pytest.raises(RefusedError, match="no outcome yet"):
        undoing(pending, lambda _: Things())


async def test_what_became_of_a_request_is_told_from_the_log() -> None:
    log = MemoryLog()
    assert await state(log, "r1") is None
    await hand_in(log, [asked("r1", by="ada")])
    told = await state(log, "r1") or {}
    assert (told["status"], told["kind"], told["subject"], told["by"]) == ("pending", "thing", "thing/t1", "ada")
    headers = {"ce_id": "r1", "dlq_group": "requests", "dlq_id": "requests.x.1.2", "dlq_error": "KeyError"}
    await log.append([Message("genesys.deadletters", "thing/t1", b'{"kind": "thing"}', headers)])
    told = await state(log, "r1") or {}
    assert (told["status"], told["deadLetter"], told["error"]) == ("failed", "requests.x.1.2", "KeyError")
    ended = Outcome(id="r1", time=NOW, subject="thing/t1", request_id="r1", kind="thing", status="done")
    await log.append([ended.to_message()])  # the dead letter was replayed
    assert (await state(log, "r1") or {})["status"] == "done"


async def test_the_end_of_a_word_to_the_loop_says_what_was_asked() -> None:
    log, freeze = MemoryLog(), as_asked(read("queue-freeze", {"queueId": "q1"}), NOW, request_id="f1")
    waiting = await Wait.begin(log, [freeze])
    frozen = Decision(id="f1", time=NOW, subject="queue/q1", queue_id="q1", action="frozen")
    await log.append([frozen.to_message()])
    (end,) = [end async for end in waiting.ends([freeze])]
    assert (end["kind"], end["requestId"], end["status"]) == ("queue-freeze", "f1", "done")


async def test_a_record_without_an_id_is_found_by_its_place() -> None:
    log = MemoryLog()
    await log.append([Message("genesys.requests", "thing/t1", b'{"kind": "thing"}', {})])
    (record,) = log.all("genesys.requests")
    told = await state(log, f"request@{record.partition}-0") or {}
    assert (told["status"], told["kind"]) == ("pending", "thing")
    assert await state(log, "request@99-0") is None
    await log.append([Message("genesys.requests", "thing/t1", None, {"ce_id": "nothing"})])
    assert await state(log, "nothing") is None, "it would be pending for ever"


async def test_an_id_of_the_callers_own_stands_for_one_request() -> None:
    log = MemoryLog()
    first = as_asked(read("thing", FIELDS), NOW, by="ada", request_id="mine")
    assert not await known_already(log, first)
    await hand_in(log, [first])
    assert await known_already(log, as_asked(read("thing", FIELDS), NOW, by="bob", request_id="mine"))
    for fields in ({**FIELDS, "colour": "green"}, *({**FIELDS, "thingId": f"t{number}"} for number in range(2, 9))):
        with pytest.raises(ConflictError, match="another request"):
            await known_already(log, as_asked(read("thing", fields), NOW, request_id="mine"))


async def test_an_id_of_the_callers_own_is_free_again_when_nobody_remembers_it() -> None:
    log, old = MemoryLog(now=lambda: NOW - timedelta(hours=27)), MemoryLog(now=lambda: NOW - timedelta(hours=25))
    first = as_asked(read("thing", FIELDS), NOW, request_id="mine")
    for kept in (log, old):
        await hand_in(kept, [first])
    assert (await known_already(log, first), await known_already(old, first)) == (False, True)


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ({"status": "done"}, 0),
        ({"status": "failed"}, 1),
        ({"status": "unknown"}, 1),
        ({"status": "conflict"}, 4),
        ({"status": "refused"}, 5),
        ({"status": "refused", "facts": {"problems": []}}, 5),
        ({"status": "refused", "facts": {"problems": [{"place": "thingId"}]}}, 3),
    ],
)
def test_what_an_end_means_for_a_script(ended: dict[str, Any], code: int) -> None:
    assert exit_code(ended) == code


def test_a_reason_has_its_bound() -> None:
    assert read("queue-freeze", {"queueId": "q", "reason": "x" * 1000}).fields()["reason"]
    with pytest.raises(InvalidRequest, match=r"reason: .*1000 characters"):
        read("queue-freeze", {"queueId": "q", "reason": "x" * 1001})


def test_the_committed_page_is_what_the_models_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    kept = (Path(__file__).resolve().parents[2] / "docs" / "requests.md").read_text(encoding="utf-8")
    assert kept == page(), "run: genesys-processor request --documentation > docs/requests.md"
