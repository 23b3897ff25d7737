"""What the Dockerfile says, for tests without Docker."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copied() -> list[str]:
    """The names that come from this folder."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    return [word for line in words for word in line]


def build_steps(place: Path) -> str:
    """The commands of the image's build stage, as a script for another place than the root of an image."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    stage = text.partition("AS build\n")[2].partition("\nFROM ")[0]
    runs = [line.removeprefix("RUN ") for line in stage.splitlines() if line.startswith("RUN ")]
    assert len(runs) == 2
    return "set -eu\n" + "\n".join(runs).replace("/opt/", f"{place}/opt/")
