"""Schemathesis in an environment of its own: what it needs cannot be installed beside the other tools."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKED = ROOT / "requirements-fuzz.txt"
HOME = ROOT / ".venv" / "fuzz"
INSTALL_SECONDS = 240
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes", "-r")


class NotToBeHad(Exception):
    """Says why."""


def fuzzer() -> Path:
    """Its program, installed when it is missing or the locked file has changed; one process at a time does that."""
    wanted = hashlib.sha256(LOCKED.read_bytes()).hexdigest()
    stamp, program = HOME / "installed", HOME / "bin" / "schemathesis"
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with HOME.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == wanted):
            _install()
            stamp.write_text(wanted)
    return program


def _install() -> None:
    venv.create(HOME, with_pip=True, clear=True)
    command = [HOME / "bin" / "python", *PIP, LOCKED]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotToBeHad(f"it was not installed within {INSTALL_SECONDS} s") from None
    if done.returncode:
        raise NotToBeHad(f"pip on Python {sys.version.split()[0]}: {done.stderr.strip()[-500:]}")
