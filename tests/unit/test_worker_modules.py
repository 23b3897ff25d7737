"""A worker runs the same form of the same modules as the process that starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from processor.app.workers.parent import PACKAGES, interpreter


def test_a_checkout_in_the_working_directory_is_not_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "processor").mkdir()
    (tmp_path / "processor" / "__init__.py").touch()
    (tmp_path / "processor" / "__main__.py").write_text("print('a checkout')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    command = [*interpreter(), "-m", "processor", "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("genesys-processor ")


def test_what_was_started_from_a_checkout_needs_no_installing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PACKAGES)
    assert interpreter() == (sys.executable,)
