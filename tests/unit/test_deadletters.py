"""What a dead letter says, what it must not say, and when bugs stop the process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.deadletters import (
    DEADLETTERS,
    DeadLetterLimit,
    LimitPolicy,
    dead_letter,
    error_text,
    unreadable,
)
from processor.errors import FatalError, PoisonError, RefusedError, RetryableError
from processor.eventlog import Message, Record
from processor.loglines import Redactor
from processor.replays import original, replay, show
from processor.retry import Outcome, Verdict
from tests.unit.engine import NOON, Fact, fact
from tests.unit.memorylog import MemoryLog

HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "e1",
    "ce_source": "genesys/org-7",
    "ce_type": "v2.users.{id}.presence",
    "ce_subject": "queue/1",
    "ce_time": "2026-03-01T11:59:00.000Z",
    "x": "y",
}
RECORD = Record("genesys.raw", 3, 41, NOON, Message("genesys.raw", "queue/1", b'{"a":1}', HEADERS))


def letter(error: Exception, outcome: Outcome = Outcome.POISON, record: Record = RECORD, **more) -> Message:
    return dead_letter(record, "normalise", Verdict(outcome, 2, error=error), now=NOON, redact=str, **more)


def test_it_holds_the_record_as_it_was_and_why() -> None:
    message = letter(PoisonError("no queue id", "detail.queueId"))
    assert (message.topic, message.key, message.value) == (DEADLETTERS, "queue/1", b'{"a":1}')
    assert message.headers == {
        **HEADERS,
        "dlq_id": "normalise.genesys.raw.3.41",
        "dlq_group": "normalise",
        "dlq_topic": "genesys.raw",
        "dlq_partition": "3",
        "dlq_offset": "41",
        "dlq_reason": "poison",
        "dlq_field": "detail.queueId",
        "dlq_error": "no queue id",
        "dlq_attempts": "2",
        "dlq_time": "2026-03-01T12:00:00.000Z",
        "dlq_replayed": "0",
    }


def test_the_original_is_read_back_from_it() -> None:
    message = letter(PoisonError("no"))
    back = original(Record(DEADLETTERS, 3, 7, NOON + timedelta(hours=1), message))
    assert (back.topic, back.partition, back.offset, back.message) == ("genesys.raw", 3, 41, RECORD.message)


@pytest.mark.parametrize("headers", [{}, {"ce_id": "", "ce_source": "", "y": "z"}])
def test_what_others_wrote_without_headers_is_an_event_here(headers: dict[str, str]) -> None:
    record = Record("genesys.requests", 3, 41, NOON, Message("genesys.requests", "", b"junk", headers))
    told = letter(PoisonError("no"), record=record).headers
    assert {name: told[name] for name in HEADERS if name != "x"} == {
        "ce_specversion": "1.0",
        "ce_id": "request@3-41",
        "ce_source": "genesys/unknown",
        "ce_type": "unknown",
        "ce_subject": "request@3-41",
        "ce_time": "2026-03-01T12:00:00.000Z",
    }
    assert told.get("y") == headers.get("y")


def test_a_tombstone_stays_one() -> None:
    record = Record("t", 0, 0, NOON, Message("t", "k", None, {}))
    assert letter(PoisonError("no"), record=record).value is None


def test_error_texts_are_one_bounded_line_without_secrets() -> None:
    redact = Redactor(["hunter22"])
    text = error_text(RuntimeError("login with\nhunter22 failed " + "x" * 2_000), redact)
    assert text.startswith("RuntimeError: login with *** failed x")
    assert len(text) == 500
    assert error_text(RefusedError("no", "ask an admin"), redact) == "no (ask an admin)"


def test_a_record_of_the_wrong_shape_is_told_by_its_field_without_its_content() -> None:
    message = Message(Fact.topic, "s/1", b'{"number": "topsecret"}', fact("s/1", 1).to_message().headers)
    record = Record(Fact.topic, 0, 0, NOON, message)
    with pytest.raises(ValueError, match="number") as caught:
        Fact.from_record(record)
    error = unreadable(caught.value, record)
    assert error.field == "number"
    assert "topsecret" not in str(error)
    assert "test.facts.updated" in str(error)
    assert unreadable(KeyError("ce_id"), record).field == "ce_id"


def count(limit: DeadLetterLimit, outcomes: str) -> None:
    for letter in outcomes:
        outcome = {"d": Outcome.DONE, "b": Outcome.BUG, "p": Outcome.POISON, "e": Outcome.EXHAUSTED}[letter]
        limit.count(outcome, KeyError("x"))


@pytest.mark.parametrize(
    ("outcomes", "stops"),
    [
        ("b" * 20, False),
        ("b" * 21, True),
        ("b" * 20 + "p" + "b", True),
        ("p" * 500 + "e" * 500, False),
        ("b" * 20 + "d" + "b" * 20, False),
        ("db" * 100, False),
        ("bbd" * 16 + "b", False),
        ("bbd" * 16 + "bb", True),
        ("p" * 100 + "bbd" * 16 + "bb", True),
        ("d" * 200 + "bbbd" * 24 + "bb", False),
        ("d" * 200 + "bbbd" * 33 + "bb", True),
    ],
)
def test_only_bugs_stop_us(outcomes: str, stops: bool) -> None:
    limit = DeadLetterLimit("g", LimitPolicy())
    if stops:
        count(limit, outcomes[:-1])
        with pytest.raises(FatalError, match=r"group g: .* KeyError"):
            count(limit, outcomes[-1])
    else:
        count(limit, outcomes)


@given(st.lists(st.sampled_from("dpe"), max_size=500).map("".join))
def test_no_caller_can_stop_us_with_junk(outcomes: str) -> None:
    count(DeadLetterLimit("g", LimitPolicy()), outcomes)


async def test_unknown_ids_are_refused_and_nothing_is_asked_for() -> None:
    log = MemoryLog()
    await log.append([letter(RetryableError("x"), Outcome.EXHAUSTED)])
    with pytest.raises(PoisonError, match=r"no dead letter normalise\.genesys\.raw\.3\.42"):
        await replay(log, ["normalise.genesys.raw.3.41", "normalise.genesys.raw.3.42"])
    assert log.all("genesys.replays") == []
    assert (await show(log, "normalise.genesys.raw.3.41")).value == b'{"a":1}'
