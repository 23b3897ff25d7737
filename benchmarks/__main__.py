"""Every benchmark, one after the other, bounded: python -m benchmarks [--peers] [NAME…] → results/<name>.json, a table.

A program of this folder runs alone with its defaults and writes `results/<its name>.json`, a list of
`{"name", "value", "unit", "reference", "ratio", "p50Ms", "p99Ms", "rssMb"}`. One that takes too
long or fails is said so, and the others still run; the exit code is 1 then. `kafka.py` counts as one for each
of its measures (`kafka-posts`, …); `--peers` is for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
SECONDS = 600
"""For one program."""
ARGUMENTS = {"receive": ["--json", str(RESULTS / "receive.json")]}
KAFKA = ("posts", "clean", "storm", "backlog")
COLUMNS = ("name", "value", "unit", "reference", "ratio", "p50Ms", "p99Ms", "rssMb")


def programs(names: list[str], *, peers: bool) -> dict[str, list[str]]:
    """Those asked for, else all: by name, the program and its words."""
    known: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem == "kafka":
            known |= {f"kafka-{measure}": [str(path), measure, *(["--peers"] * peers)] for measure in KAFKA}
        elif not path.stem.startswith("_"):
            known[path.stem] = [str(path), *ARGUMENTS.get(path.stem, [])]
    missing = [name for name in names if name not in known]
    if missing:
        raise SystemExit(f"no such benchmark: {', '.join(missing)}; there are {', '.join(known)}")
    return {name: known[name] for name in names or known}


def measure(name: str, words: list[str]) -> list[dict[str, Any]] | str:
    """Its rows, or why there are none."""
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    command = [sys.executable, *words]
    began = time.time()
    try:
        done = subprocess.run(command, env=environment, cwd=FOLDER.parent, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"not done within {SECONDS} s"
    if done.returncode:
        return f"ended with {done.returncode}"
    result = RESULTS / f"{name}.json"
    if not result.exists() or result.stat().st_mtime < began - 1:
        return f"wrote no {result.name}"
    rows: list[dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """As text, numbers to the right."""
    shown = [[_cell(row.get(column)) for column in COLUMNS] for row in rows]
    widths = [max(len(line[at]) for line in [list(COLUMNS), *shown]) for at in range(len(COLUMNS))]
    words = {0, 2}
    return "\n".join(
        "  ".join(
            cell.ljust(w) if at in words else cell.rjust(w)
            for at, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in [list(COLUMNS), *shown]
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def main(words: list[str]) -> int:
    """Run them, print the table of all."""
    names = [word for word in words if word != "--peers"]
    RESULTS.mkdir(exist_ok=True)
    load = os.getloadavg()[0]  # a busy machine measures its neighbours
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    for name, command in programs(names, peers="--peers" in words).items():
        print(f"== {name}", flush=True)
        found = measure(name, command)
        if isinstance(found, str):
            failed.append(f"{name}: {found}")
        else:
            rows += found
    print(f"\n{table(rows)}\nload of the machine at the start: {load:.1f} on {os.cpu_count()} processors")
    for line in failed:
        print(line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
