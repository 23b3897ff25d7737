"""An environment for each peer, made on demand. One that cannot be installed is left out, and why is said."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent / ".peers"
INSTALL_SECONDS = 300
CLEAN_SECONDS = 300
TOPIC = "genesys.raw"
"""The peers read and write where we do."""
SERVERS = {"by-hand": ("by_hand", "by_hand.py"), "faststream": ("faststream", "faststream_fastapi.py")}
"""By name: the requirements, and the program."""


def python(name: str) -> Path:
    """The interpreter that has `<name>.txt` installed. Raises OSError or a subprocess error where it cannot be."""
    wanted = HERE / f"{name}.txt"
    folder, mark = ROOT / name, sha256(wanted.read_bytes()).hexdigest()
    done, found = folder / "installed", folder / "bin" / "python"
    if done.exists() and done.read_text(encoding="ascii") == mark:
        return found
    venv.create(folder, with_pip=True, clear=True)
    words = ("install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", str(wanted))
    subprocess.run(
        [str(found), "-m", "pip", *words], check=True, timeout=INSTALL_SECONDS, capture_output=True, text=True
    )
    done.write_text(mark, encoding="ascii")
    return found


def _installed(name: str) -> Path | None:
    try:
        return python(name)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        print(f"peer {name} is left out: {said.strip().splitlines()[-1]}", file=sys.stderr, flush=True)
        return None


def servers(bootstrap: str) -> Mapping[str, Sequence[str]]:
    """By name, what starts each server that could be installed."""
    found: dict[str, Sequence[str]] = {}
    for name, (requirements, program) in SERVERS.items():
        if interpreter := _installed(requirements):
            found[name] = [str(interpreter), "-W", "ignore", str(HERE / program), bootstrap, TOPIC]
    return found


async def clean(bootstrap: str, events: int) -> list[dict[str, Any]]:
    """Raw to clean by hand, over the raw events that lie there."""
    interpreter = await asyncio.to_thread(_installed, "by_hand")
    if interpreter is None:
        return []
    words = [str(interpreter), str(HERE / "by_hand_clean.py"), bootstrap, TOPIC, "genesys.lookups", str(events)]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        said, _ = await asyncio.wait_for(process.communicate(), CLEAN_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise SystemExit(f"by_hand_clean.py ended with {process.returncode}")
    found: dict[str, Any] = json.loads(said)
    nothing = {"reference": None, "ratio": None, "p50Ms": None, "p99Ms": None}
    row = {"name": "clean-by-hand-1-process", "unit": "events/s", **nothing, **found}
    print(json.dumps(row), flush=True)
    return [row]
