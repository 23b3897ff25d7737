"""Schemathesis in an environment of its own: what it needs cannot be installed beside the other tools."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
import venv
from pathlib import Path

from tests.wheels import fetched

ROOT = Path(__file__).parents[2]
LOCKED = ROOT / "requirements-fuzz.txt"
HOME = ROOT / ".venv" / "fuzz"
INSTALL_SECONDS = 240
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps", "--require-hashes", "-r")


def fuzzer() -> Path:
    """Its program, installed when it is missing or the locked file has changed; one process at a time does that.

    Raises NotToBeHad when its packages cannot be fetched.
    """
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
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **fetched(Path(folder), LOCKED)}
        command = [HOME / "bin" / "python", *PIP, LOCKED]
        subprocess.run(command, check=True, env=environment, timeout=INSTALL_SECONDS)
