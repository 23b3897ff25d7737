"""Locked packages, fetched once and side by side: finding them in an index is most of the work of an installation."""

from __future__ import annotations

import fcntl
import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SIDE_BY_SIDE = 4
SECONDS = 240
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


class NotToBeHad(Exception):
    """Says why."""


def fetched(folder: Path, *locks: Path) -> dict[str, str]:
    """The packages of these files lie in `folder`: the environment with which pip takes them from there alone.

    Raises NotToBeHad when the index does not give one of them.
    """
    rows = sorted({row for lock in locks for row in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())})
    wanted = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "fetched"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
            _fetch_all(folder, rows)
            stamp.write_text(wanted, encoding="utf-8")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


def _fetch_all(folder: Path, rows: list[str]) -> None:
    parts = [folder / f"part-{number}.txt" for number in range(SIDE_BY_SIDE)]
    for number, part in enumerate(parts):
        part.write_text("\n".join(rows[number::SIDE_BY_SIDE]) + "\n", encoding="utf-8")
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(_fetch, parts))


def _fetch(part: Path) -> None:
    command = [*PIP, "download", "--no-deps", "--require-hashes", "-r", part, "-d", part.parent]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotToBeHad(f"the packages did not come within {SECONDS} s") from None
    if done.returncode:
        raise NotToBeHad(f"pip on Python {sys.version.split()[0]}: {done.stderr.strip()[-500:]}")
