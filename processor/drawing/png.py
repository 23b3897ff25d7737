"""A picture as PNG: rows of red, green and blue, packed by zlib."""

from __future__ import annotations

import struct
import zlib

from processor.drawing import LETTER_WIDTH, Box, Picture, Words
from processor.drawing.letters import points

SIGNATURE = b"\x89PNG\r\n\x1a\n"
POINT = 2
"""Pixels of a letter's point, each way."""


def png(picture: Picture) -> bytes:
    """The whole file, white behind."""
    stride = 3 * picture.width
    rows = [bytearray(b"\xff" * stride) for _ in range(picture.height)]
    for shape in picture.shapes:
        for box in [shape] if isinstance(shape, Box) else _letters(shape):
            _fill(rows, box, picture.width)
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    title = b"Title\x00" + picture.title.encode("latin-1", "replace")
    pixels = zlib.compress(b"".join(b"\x00" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"tEXt", title), (b"IDAT", pixels), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _letters(words: Words) -> list[Box]:
    start = words.x - LETTER_WIDTH * len(words.text) if words.right else words.x
    return [
        Box(start + LETTER_WIDTH * number + POINT * x, words.y + 1 + POINT * y, POINT, POINT, words.colour)
        for number, letter in enumerate(words.text)
        for x, y in points(letter)
    ]


def _fill(rows: list[bytearray], box: Box, width: int) -> None:
    """What lies outside is cut off."""
    left, right = max(box.x, 0), min(box.x + box.width, width)
    if left >= right:
        return
    colour = bytes.fromhex(box.colour.removeprefix("#"))
    for y in range(max(box.y, 0), min(box.y + box.height, len(rows))):
        rows[y][3 * left : 3 * right] = colour * (right - left)
