"""What a person reads who made a mistake: one line that names the place, in words and not in those of a library."""

from __future__ import annotations

import errno
import logging
import re
from pathlib import Path

import pytest

from processor.cli import _Words, main
from processor.cli.post import _said
from processor.cli.queues import _frozen
from processor.eventlog.kafka_connection import told
from processor.settings import SettingsError, load
from processor.web.listener import _why

FREEZE = "kind: queue-freeze\nqueueId: q-1\nreason: we train\n"


def line(capsys: pytest.CaptureFixture[str]) -> str:
    (said,) = capsys.readouterr().err.splitlines()
    return said.removeprefix("genesys-processor: ")


@pytest.mark.parametrize("command", [["request", "--dry-run"], ["simulate"]])
def test_where_a_file_is_no_yaml(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "asked.yaml"
    file.write_text("a: [b\nc: d")
    assert main([*command, str(file)]) == 3
    assert re.match(rf"{file}: it is no YAML at line 2, column 2: expected .* \(.*\)$", line(capsys))


def test_a_date_that_there_is_not_is_no_fault_of_the_yaml(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("holidays: {christmas: 2026-13-25}")
    with pytest.raises(SettingsError, match="it holds a date or a number that there is not"):
        load({"PROCESSOR_CONFIG": str(file)})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PROCESSOR_LGO", "x", "PROCESSOR_LGO is no setting of this program: perhaps PROCESSOR_LOG"),
        ("PROCESSOR_WHATEVER", "x", "no setting of this program (see `genesys-processor check`)"),
        ("PROCESSOR_OPERATING_HOURS", "8-20", "PROCESSOR_OPERATING_HOURS: must be written like 08:00:00-20:59:59"),
    ],
)
def test_a_setting_that_is_wrong(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        load({name: value})


def test_nobody_takes_the_post(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "event.json").write_text("{}")
    assert main(["post", str(tmp_path / "event.json"), "--url", "http://127.0.0.1:1/"]) == 6
    assert line(capsys) == "http://127.0.0.1:1/ does not answer: connection refused; is the receiver running?"


def test_what_a_receiver_says_of_a_post() -> None:
    assert _said('{"title": "Unauthorized", "detail": "No.", "remedy": "Sign it."}') == "No. Sign it."
    assert _said("<html>\n  <b>501</b>" + "x" * 1000) == ("<html> <b>501</b>" + "x" * 1000)[:200]
    assert _said('["detail"]') == '["detail"]'


def test_fields_that_a_simulation_does_not_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "simulation.yaml"
    file.write_text("queue: {skillIds: []}\nemails: []\nagents: {}\nchanges: 1\nagent: 2\n")
    assert main(["simulate", str(file)]) == 3
    said = capsys.readouterr().err
    assert "changes: Extra inputs are not permitted (leave it out; examples/simulation.yaml has all of them)" in said
    assert "agent: Extra inputs are not permitted (agents, or leave it out;" in said


def test_a_picture_into_a_folder_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "nowhere" / "routing.svg"
    assert main(["simulate", "examples/simulation.yaml", "--svg", str(picture)]) == 1
    assert line(capsys) == f"{picture}: No such file or directory"


def test_a_copy_that_there_is_not_cannot_be_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "verify", str(tmp_path / "none.db")]) == 3
    assert line(capsys) == f"{tmp_path}/none.db: there is no such file"


def test_what_a_freeze_would_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "freeze.yaml").write_text(FREEZE)
    assert main(["request", str(tmp_path / "freeze.yaml"), "--dry-run"]) == 0
    assert "would: be handed to the loop" in capsys.readouterr().out


def test_who_froze_a_queue_and_why() -> None:
    freeze = {"by": "ana", "at": "2026-03-09T09:22:00.000Z", "reason": "we train"}
    assert _frozen(freeze) == "frozen by ana at 2026-03-09T09:22:00.000Z: we train"
    assert _frozen({**freeze, "by": "", "reason": ""}) == "frozen by somebody at 2026-03-09T09:22:00.000Z"


def test_a_log_that_there_was_not_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROCESSOR_LOG", f"sqlite:///{tmp_path}/typo.db")
    assert logging.lastResort
    monkeypatch.setattr(logging.lastResort, "formatter", None)
    assert main(["tail", "volume", "--from", "beginning", "--until-end"]) == 0
    (made,) = caplog.records
    said = f"there was no event log at {tmp_path}/typo.db: it is made, and empty"
    assert _Words().format(made) == f"new-log: {said}"
    assert logging.lastResort.format(made) == f"new-log: {said}", "and that is what stands on stderr"
    caplog.clear()
    assert main(["tail", "volume", "--from", "beginning", "--until-end"]) == 0
    assert caplog.records == []


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"genesys-processor \d+\.\d+\.\d+( \(compiled\))?\n", capsys.readouterr().out)


def test_a_port_that_is_taken_is_told_once() -> None:
    asyncios = OSError(errno.EADDRINUSE, "error while attempting to bind on address ('127.0.0.1', 8080): in use")
    assert _why(asyncios) == "Address already in use"


def test_a_broker_that_does_not_answer_is_told_without_the_clients_tuples() -> None:
    error = ConnectionError("Unable to bootstrap from [('127.0.0.1', 1, <AddressFamily.AF_INET: 2>)]")
    assert told(error) == "ConnectionError: Unable to bootstrap"
