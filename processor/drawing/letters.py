"""Letters of three by five points, capitals only: what a PNG needs when no font may be counted on."""

from __future__ import annotations

POINTS = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644", "G": "34553",
    "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555",
    "O": "25552", "P": "65644", "Q": "25563", "R": "65655", "S": "34216", "T": "72222", "U": "55557",
    "V": "55552", "W": "55775", "X": "55255", "Y": "55222", "Z": "71247",
    "0": "75557", "1": "26227", "2": "61247", "3": "61216", "4": "55711", "5": "74616", "6": "34757",
    "7": "71222", "8": "75757", "9": "75716",
    " ": "00000", "-": "00700", "_": "00007", ".": "00002", ",": "00024", ":": "02020", "/": "11244",
    "%": "51245", "(": "12221", ")": "42224", "+": "02720", "=": "07070", "'": "22000", "@": "25543", "?": "61202",
}  # fmt: skip
"""By letter, its five rows from the top; each an octal digit, whose highest bit is the left point."""


def points(letter: str) -> list[tuple[int, int]]:
    """(x, y) of each point that is set; a question mark for what there is no letter for."""
    rows = POINTS.get(letter.upper(), POINTS["?"])
    return [(x, y) for y, row in enumerate(rows) for x in range(3) if int(row, 8) & (4 >> x)]
