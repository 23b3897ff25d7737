"""What an operator reads: one JSON object a line, and no secret in it however it is written."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from aiokafka.errors import ProducerFenced
from prometheus_client import generate_latest

from processor.loglines import Redactor, Seldom, configure_logging
from processor.telemetry import Metrics

BASIC = 'genesys:pass"wörd-1234'
SECRETS = [BASIC, "X-Api-Key: 0123456789abcdef", "whsec_c2VjcmV0IG9mIHRoZSBob29r"]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    text = io.StringIO()
    configure_logging(Redactor(SECRETS), text)
    yield text
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_facts(stream: io.StringIO) -> None:
    logging.getLogger("processor.room").warning("stuck", extra={"group": "normalise", "lag": 3, "odd": {1: object}})
    (line,) = lines(stream)
    assert (line["level"], line["room"], line["event"]) == ("warning", "processor.room", "stuck")
    assert (line["group"], line["lag"]) == ("normalise", 3)
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize("words", ["dead-letter", "attempt-failed", "refused"])
def test_what_anybody_can_cause_is_told_seldom_and_how_often_it_was_not(stream: io.StringIO, words: str) -> None:
    clock = [0.0]
    handler = logging.getLogger().handlers[0]
    handler.filters[:] = [Seldom(lambda: clock[0])]
    room = logging.getLogger("processor.consumer")
    for number in range(1000):
        room.warning(words, extra={"number": number})
        room.error(words)
    clock[0] = 1.0
    room.warning(words, extra={"number": 1000})
    told = [line for line in lines(stream) if line["level"] == "warning"]
    assert [line["number"] for line in told] == [*range(100), 1000]
    assert told[-1]["suppressed"] == 900
    assert sum(line["level"] == "error" for line in lines(stream)) == 1000


def test_an_exception_stays_on_its_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("processor.room").exception("failed")
    (line,) = lines(stream)
    assert "first\nsecond" in line["exception"]


def test_what_json_cannot_say_is_said_anyway(stream: io.StringIO) -> None:
    deep: list = []
    deep.append(deep)
    logging.getLogger("processor.room").info("odd", extra={"lone": "\ud800", "deep": deep, "big": 1 << 80})
    assert lines(stream)[0]["event"] == "odd"


@pytest.mark.parametrize(
    "shown",
    [
        BASIC,
        'pass"wörd-1234',
        quote(BASIC, safe=""),
        "Basic " + base64.b64encode(BASIC.encode()).decode(),
        "0123456789abcdef",
        "c2VjcmV0IG9mIHRoZSBob29r",
    ],
)
def test_no_form_of_a_secret_is_written(stream: io.StringIO, shown: str) -> None:
    room = logging.getLogger("processor.room")
    room.info("a %s b", shown, extra={"fact": shown, "deep": {"in": [shown]}, shown: 1})
    try:
        raise ValueError(shown)
    except ValueError:
        room.exception("failed")
    written = stream.getvalue()
    assert "***" in written
    for line in lines(stream):
        assert shown not in json.dumps(line, ensure_ascii=False).encode().decode("unicode_escape", "ignore")
        assert shown not in str(line)


def test_a_secret_that_came_later_is_taken_out_and_the_first_ones_stay() -> None:
    redactor = Redactor(["first-secret"])
    for number in range(2_000):
        redactor.add(f"token-{number:05d}")
    assert redactor("first-secret token-01999 end") == "*** *** end"


def test_short_values_do_not_blot_out_words() -> None:
    assert Redactor(["a", ""])("a banana") == "a banana"


def test_metrics_are_apart_and_documented() -> None:
    one, two = Metrics.build(), Metrics.build()
    one.posts.labels("202").inc()
    assert two.registry.get_sample_value("processor_posts_total", {"status": "202"}) is None
    text = generate_latest(one.registry).decode()
    helps = [line.split(" ", 3)[3:] for line in text.splitlines() if line.startswith("# HELP processor_")]
    assert len(helps) > 30
    assert all(helps)


def test_a_library_that_repeats_itself_is_told_once_in_a_while(stream: io.StringIO) -> None:
    clock = [0.0]
    handler = logging.getLogger().handlers[0]
    handler.filters[:] = [Seldom(lambda: clock[0])]
    for at in (100.0, 101, 109, 110, 111):
        clock[0] = at
        logging.getLogger("aiokafka.client").error("no node 1", extra={"at": at})
        logging.getLogger("processor.spool").warning("spooling")
    logging.getLogger("aiokafka").error("another")
    told = lines(stream)
    assert [(line["at"], line.get("suppressed")) for line in told if line["event"] == "no node 1"] == [
        (100, None),
        (110, 2),
    ]
    assert [line["event"] for line in told].count("spooling") == 5
    assert [line["event"] for line in told].count("another") == 1


def test_words_without_end_do_not_fill_the_memory(stream: io.StringIO) -> None:
    seldom = Seldom(lambda: 0.0)
    logging.getLogger().handlers[0].filters[:] = [seldom]
    for number in range(10 * Seldom.KNOWN):
        logging.getLogger("aiokafka").error("no node %d", number)
    assert len(lines(stream)) == 10 * Seldom.KNOWN
    assert len(seldom._known) == Seldom.KNOWN


def test_what_a_library_left_unasked_is_not_told_and_what_we_left_is(stream: io.StringIO) -> None:
    logging.getLogger().handlers[0].filters[:] = [Seldom(lambda: 0.0)]
    for error in (ProducerFenced(), ZeroDivisionError("ours")):
        logging.getLogger("asyncio").error("never retrieved", exc_info=(type(error), error, None))
    (line,) = lines(stream)
    assert "ours" in line["exception"]
