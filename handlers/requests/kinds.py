"""All kinds of requests, by the word that names them."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.requests.words import Fields, InvalidRequest, Problem, Request

KINDS: Mapping[str, type[Request]] = {}


def read(kind: str, fields: Fields) -> Request:
    """Raises `InvalidRequest` with every problem at once, also for a kind that nobody knows."""
    if kind not in KINDS:
        raise InvalidRequest([Problem("kind", f"there is no kind {kind!r}", f"one of {', '.join(KINDS)}")])
    return KINDS[kind].read(fields)
