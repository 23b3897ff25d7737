"""Arguments that no command can mean: named, exit code 2, and nothing begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor.cli import main


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["sandbox", "--port", "99999"], "--port"),
        (["sandbox", "--wfm-port", "-1"], "--wfm-port"),
        (["kafka", "--port", "x"], "--port"),
        (["drift", "--limit", "0"], "--limit"),
        (["report", "queue", "q-1", "--days", "0"], "--days"),
        (["report", "queue", "q-1", "--days", "32"], "--days"),
        (["demo", "--seconds", "nan"], "--seconds"),
        (["demo", "--kill-at", "-3"], "--kill-at"),
    ],
)
def test_a_number_out_of_range(words: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f"argument {named}: " in capsys.readouterr().err


@pytest.mark.parametrize("url", ["nonsense", "file:///etc/hostname"])
def test_a_post_to_what_is_no_web_address(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "event.json").write_text("{}")
    assert main(["post", str(tmp_path / "event.json"), "--url", url]) == 2
    assert f"--url '{url}' is no web address" in capsys.readouterr().err


def test_a_post_to_a_port_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROCESSOR_RECEIVER_PORT", "0")
    assert main(["post", str(tmp_path / "event.json")]) == 2
    assert "name the receiver with --url" in capsys.readouterr().err


def test_a_limit_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--rule", "offered_above=many"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("genesys-processor: --rule offered_above: ")


def test_a_copy_to_where_there_is_no_folder_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROCESSOR_LOG", f"sqlite:///{tmp_path}/events.db")
    assert main(["log", "backup", str(tmp_path / "nowhere" / "copy.db")]) == 1
    assert "nowhere/copy.db" in capsys.readouterr().err
    monkeypatch.setenv("PROCESSOR_LOG", "kafka://127.0.0.1:9")
    assert main(["log", "verify"]) == 2


def test_a_report_that_has_no_folder_is_told_before_anything_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--seconds", "60", "--report", str(tmp_path / "nowhere" / "r.json")]) == 2
    assert f"there is no folder {tmp_path}/nowhere" in capsys.readouterr().err


def test_closed_output_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSOR_LOG", f"sqlite:///{tmp_path}/events.db")
    monkeypatch.setattr("sys.stdout", None)
    assert main(["tail", "presence", "--from", "beginning", "--until-end"]) == 0
    assert main(["dead-letters", "list"]) == 0


def test_check_tells_of_a_credential_that_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROCESSOR_LOG", f"sqlite:///{tmp_path}/events.db")
    monkeypatch.setenv("PROCESSOR_WFM_URL", "http://us:s3cret@127.0.0.1:9")
    monkeypatch.setenv("PROCESSOR_WEBHOOK_BASIC", "s3cret")
    assert main(["check"]) == 2
    said = capsys.readouterr()
    assert "WEBHOOK_BASIC, value 1: " in said.err
    assert "PROCESSOR_WFM_URL=http://us:***@127.0.0.1:9" in said.out
    assert "s3cret" not in said.out + said.err
