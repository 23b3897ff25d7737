"""A picture as SVG."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from processor.drawing import LETTER_HEIGHT, Box, Picture, Words

FONT = f"font-family='monospace' font-size='{LETTER_HEIGHT}'"


def svg(picture: Picture) -> str:
    """A document of its own, white behind; any text in it is only text."""
    size = f"width='{picture.width}' height='{picture.height}' viewBox='0 0 {picture.width} {picture.height}'"
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img' aria-label={quoteattr(_plain(picture.title))}>",
        f"<title>{escape(_plain(picture.title))}</title>",
        f"<rect width='{picture.width}' height='{picture.height}' fill='#ffffff'/>",
        *(_shape(shape) for shape in picture.shapes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _shape(shape: Box | Words) -> str:
    if isinstance(shape, Box):
        place = f"x='{shape.x}' y='{shape.y}' width='{shape.width}' height='{shape.height}'"
        return f"<rect {place} fill={quoteattr(shape.colour)}/>"
    anchor = " text-anchor='end'" if shape.right else ""
    place = f"x='{shape.x}' y='{shape.y + LETTER_HEIGHT - 2}'{anchor}"
    return f"<text {place} {FONT} fill={quoteattr(shape.colour)}>{escape(_plain(shape.text))}</text>"


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
