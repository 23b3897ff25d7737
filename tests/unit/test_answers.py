"""An answer in two pieces is one that any HTTP client reads."""

from __future__ import annotations

import http.client
import json
from email.utils import parsedate_to_datetime
from io import BytesIO

import pytest

from processor.web.answers import accepted, problem, whole


class Heard:
    """Stands where a socket stands."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, _: str) -> BytesIO:
        return BytesIO(self._said)


@pytest.mark.parametrize(
    ("pieces", "status", "content"),
    [
        (accepted(["a", "b"]), 202, {"ids": ["a", "b"]}),
        (
            whole(problem(429, "Too many.", remedy="Wait.", headers={"Retry-After": "2"})),
            429,
            {
                "type": "about:blank",
                "title": "Too Many Requests",
                "status": 429,
                "detail": "Too many.",
                "remedy": "Wait.",
            },
        ),
    ],
    ids=["accepted", "problem"],
)
def test_head_and_body_are_one_answer(pieces: tuple[bytes, bytes], status: int, content: object) -> None:
    head, body = pieces
    answer = http.client.HTTPResponse(Heard(head + b"\r\n" + body))  # type: ignore[arg-type]
    answer.begin()
    assert (answer.status, json.loads(answer.read())) == (status, content)
    assert answer.headers["Retry-After"] == ("2" if status == 429 else None)
    assert answer.headers["Date"].endswith(" GMT"), "as RFC 9110 wants it"
    assert parsedate_to_datetime(answer.headers["Date"]).tzinfo
    assert len(answer.headers.get_all("Content-Length", [])) == 1
