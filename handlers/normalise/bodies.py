"""Bytes to JSON and back to bytes: what a body holds, and exactly which bytes each event of it was."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import orjson

from processor.errors import PoisonError

BOM = b"\xef\xbb\xbf"
BLANK = " \t\r\n"
EXACT = 1e18
"""Whole numbers up to this are kept as they are, as orjson does."""
AT_MOST = 10_000
"""Events in one array. A longer one is kept whole, as one event nobody knows."""


class NotJson(PoisonError):
    """The body is no JSON at all: the one thing a caller is refused for."""


def parse(data: bytes) -> Any:
    """The value of a JSON text. Raises `NotJson`."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_again(data)


def _parse_again(data: bytes) -> Any:
    """What orjson refuses though it is JSON: halves of emoji, into which some senders cut them; numbers without end."""
    try:
        value = json.loads(data.decode(), parse_constant=_refuse, parse_float=_number, parse_int=_number)
        return orjson.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError) as error:
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise NotJson(f"the body is no JSON: {text:.200}") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _number(text: str) -> float | int | None:
    """None for one that is greater than any we can hold: it says no more than that."""
    read = float(text)
    if not math.isfinite(read):
        return None
    return int(text) if abs(read) < EXACT and text.lstrip("-").isdecimal() else read


def events(body: bytes) -> list[tuple[bytes, Any, int | None]]:
    """(exact bytes, value, index in the array or None) of each event, in the order of the body.

    A byte order mark belongs to no event. Raises `NotJson`.
    """
    data = body.removeprefix(BOM)
    value = parse(data)
    if not isinstance(value, list) or len(value) > AT_MOST:
        return [(data, value, None)]
    try:
        return [(part, value[index], index) for index, part in enumerate(_slices(data, len(value)))]
    except RecursionError:
        return [(data, value, None)]  # nested as no event is; it is JSON all the same, so it is kept


def _slices(data: bytes, length: int) -> list[bytes]:
    text = data.decode()
    scan = json.JSONDecoder(parse_int=float).raw_decode  # only its end matters; int() refuses 5,000 digits
    parts = []
    at = text.index("[") + 1
    for _ in range(length):
        while text[at] in BLANK or text[at] == ",":
            at += 1
        _, end = scan(text, at)
        parts.append(text[at:end].encode())
        at = end
    return parts
