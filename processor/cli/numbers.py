"""The numbers that arguments take; argparse says which argument was wrong, and ends with 2."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError


def port(text: str, *, last: int = 65_535) -> int:
    """0 is a free one."""
    return _whole(text, 0, last)


def counted(text: str) -> int:
    """From 1."""
    return _whole(text, 1, 2**31)


def days(text: str) -> int:
    """A month at most: what Genesys keeps of an answer's details is no longer."""
    return _whole(text, 1, 31)


def seconds(text: str) -> float:
    """From 0, and not without end."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return number


def _whole(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and least <= int(text) <= most):
        raise ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
    return int(text)
