"""Pictures of a few boxes and words, written without anybody's help: as SVG (`svg.py`) or as PNG (`png.py`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle. Pixels from the upper left corner; `colour` as `#rrggbb`."""

    x: int
    y: int
    width: int
    height: int
    colour: str


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text whose upper left corner is given; `right` ends there instead of beginning."""

    x: int
    y: int
    text: str
    colour: str = "#1f2933"
    right: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What was added later lies above. `title` is told to those who cannot see it."""

    width: int
    height: int
    title: str
    shapes: tuple[Box | Words, ...]


LETTER_WIDTH, LETTER_HEIGHT = 8, 12
"""What a letter takes, in both forms."""
