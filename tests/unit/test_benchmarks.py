"""`make bench` runs every program of its folder, and says which one did not do its part."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from handlers.normalise.envelopes import envelopes
from handlers.normalise.readers import GUIDES, OFFICIAL
from processor.event import Delivery
from tests.unit.normalisedesk import NOW

BENCHMARKS = Path(bench.__file__).parent

GOOD = """
import json, pathlib
row = {"name": "good", "value": 12345, "unit": "x/s", "reference": None, "ratio": 0.5}
(pathlib.Path(__file__).parent / "results" / "good.json").write_text(json.dumps([row]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results")
    return tmp_path


def test_its_table_has_all_rows_and_a_failure_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good.py").write_text(GOOD)
    (folder / "silent.py").write_text("")
    (folder / "wrong.py").write_text("raise SystemExit(3)")
    assert bench.main([]) == 1
    out = capsys.readouterr().out
    assert "12,345" in out
    assert "silent: wrote no silent.json" in out
    assert "wrong: ended with 3" in out


def test_results_of_an_earlier_run_do_not_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "results").mkdir()
    (folder / "old.py").write_text("")
    (folder / "results" / "old.json").write_text(json.dumps([{"name": "old"}]))
    monkeypatch.setattr(bench.time, "time", lambda: (folder / "old.py").stat().st_mtime + 3600)
    assert bench.measure("old", [str(folder / "old.py")]) == "wrote no old.json"


def test_one_that_takes_too_long_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "slow.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(bench, "SECONDS", 0.2)
    assert "not done within" in str(bench.measure("slow", [str(folder / "slow.py")]))


def test_an_unknown_name_is_refused_with_those_that_exist(folder: Path) -> None:
    (folder / "good.py").write_text(GOOD)
    with pytest.raises(SystemExit, match=r"no such benchmark: nope; there are good"):
        bench.main(["nope"])


@pytest.mark.parametrize(
    "words",
    [["normalise.py", "170"], ["eventlog.py", "320"], ["storm.py", "--help"], ["memory.py", "--events", "400"]],
    ids=lambda words: words[0],
)
def test_what_it_measures_is_still_there(words: list[str], tmp_path: Path) -> None:
    """A copy of the folder measures the product as it is now, in small."""
    folder = shutil.copytree(BENCHMARKS, tmp_path / "benchmarks", ignore=shutil.ignore_patterns("results", ".peers"))
    (tmp_path / "tests").symlink_to(BENCHMARKS.parent / "tests")
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS.parent)}
    command = [sys.executable, str(folder / words[0]), *words[1:]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_normalise_is_measured_on_every_kind_that_is_understood() -> None:
    posted = json.loads((BENCHMARKS.parent / "tests" / "data" / "deliveries.json").read_text(encoding="utf-8"))[
        "posted"
    ]
    deliveries = [Delivery("genesys/o", {}, json.dumps(one).encode(), NOW, "basic:1") for one in posted]
    assert {envelope.type for one in deliveries for envelope in envelopes(one)} == {*OFFICIAL, *GUIDES}
