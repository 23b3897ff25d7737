"""The journal of `request --now`: seen by others only when its owner is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handlers.events import Begun, Outcome, Requested
from processor.app.requests.journal import Journal, Left
from processor.app.requests.trail import Trail
from processor.errors import RetryableError
from tests.unit.things import NOW, asked

GREEN, BLUE = {"colour": "green"}, {"colour": "blue"}


def begun(request: Requested) -> Begun:
    told: dict[str, Any] = {"before": GREEN, "after": BLUE}
    return Begun(id="b", time=NOW, subject=request.subject, request_id=request.id, **told)


def outcome(request: Requested, status: str) -> Outcome:
    return Outcome(
        id=f"{request.id}/{status}",
        time=NOW,
        subject=request.subject,
        request_id=request.id,
        kind=request.kind,
        status=status,
    )


def test_what_a_process_has_begun_is_found_when_it_is_gone(tmp_path: Path) -> None:
    mine, other = Journal(tmp_path / "begun"), Journal(tmp_path / "begun")
    assert list(other.left()) == []
    for one in ("r1", "r2"):
        mine.note(asked(one, by="ada"), begun(asked(one)))
    assert [*mine.left(), *other.left()] == [], "its owner lives"
    mine.release("r1")  # as the kernel does when he dies
    (left,) = other.left()
    assert (left.asked, left.begun) == (asked("r1", by="ada"), begun(asked("r1")))
    assert list(Journal(tmp_path / "begun").left()) == [], "one process at a time looks at it"
    other.over("r1")
    mine.over("r2")
    assert list((tmp_path / "begun").iterdir()) == []


def test_what_is_none_of_its_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("to whom it may concern")
    (tmp_path / "old.json").write_text('{"asked": {}, "begun": {}}')
    (tmp_path / ".r1").write_text("half a li")
    (tmp_path / "folder").mkdir()
    assert list(Journal(tmp_path).left()) == []
    assert len(list(tmp_path.iterdir())) == 4


def test_what_cannot_be_written_down_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "begun").write_text("a file where the folder should be")
    with pytest.raises(RetryableError, match="cannot be written"):
        Journal(tmp_path / "begun").note(asked("r1"), begun(asked("r1")))


def test_an_end_in_the_audit_file_ends_it_and_an_announcement_does_not(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    first = Trail(path)
    for one in ("announced", "ended", "told"):
        first.note(asked(one), begun(asked(one)))
        first.keep(outcome(asked(one), "started"))
    first.keep(outcome(asked("told"), "done"))
    ended = Trail(path)
    Trail(tmp_path / "elsewhere").keep(outcome(asked("ended"), "done"))
    with path.open("ab") as file:  # killed between the line and the end of its note
        file.write((tmp_path / "elsewhere").read_bytes())
    for one in ("announced", "ended"):
        first.release(Left(asked(one), begun(asked(one))))
    assert [left.asked.id for left in ended.left()] == ["announced"]
    assert [path.name for path in (tmp_path / "audit.jsonl.begun").iterdir()] == ["announced"]


def test_without_an_audit_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trail = Trail(None)
    trail.note(asked("r1"), begun(asked("r1")))
    trail.keep(outcome(asked("r1"), "done"))
    assert (list(trail.left()), trail.found("r1"), list(tmp_path.iterdir())) == ([], None, [])
