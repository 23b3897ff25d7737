"""What is JSON by its grammar, though most libraries refuse it: it is kept, whatever it says."""

from __future__ import annotations

import pytest

from handlers.normalise.bodies import parse
from tests.unit.test_envelopes import deliver


def test_half_a_surrogate_is_json_too():
    body = b'{"topicName": "v2.users.u-1.presence", "eventBody": {"message": "\\ud83d"}}'
    (found,) = deliver(body)
    assert (found.subject, found.data) == ("agent/u-1", body)
    assert len(deliver(b'[{"a": "\\ud83d"}, 2]')) == 2


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5_000, "-" + "9" * 400 + ".5", "1" + "0" * 400])
def test_a_number_that_nobody_can_hold_is_json_too(number: str):
    body = f'{{"topicName": "v2.users.u-1.presence", "eventBody": {{"n": {number}, "m": 12, "f": 1.5}}}}'.encode()
    (found,) = deliver(body)
    assert (found.subject, found.data) == ("agent/u-1", body)
    assert parse(body)["eventBody"] == {"n": None, "m": 12, "f": 1.5}
    assert [one.data for one in deliver(b"[" + body + b", 2]")] == [body, b"2"]
