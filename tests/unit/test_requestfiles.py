"""Request files: what a person writes is what is read, and all that is wrong is told with file, index and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.requests.kinds import KINDS
from handlers.requests.words import InvalidRequest
from processor.app.requests.files import read_files
from tests.unit.things import ThingRequest


@pytest.fixture(autouse=True)
def _things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "thing", ThingRequest)


def written(folder: Path, text: str, name: str = "f.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("word", ["10:00", "10:00:00", "2026-03-01", "NO", "off", "y", "0o17", "1_000", "0x1F"])
def test_words_that_older_yaml_would_have_turned_into_something_else(word: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"kind: thing\nthingId: {word}\ncolour: {word}\n")
    (request,) = read_files([path])
    assert request.fields() == {"thingId": word, "colour": word}


def test_numbers_booleans_and_nothing_are_read_as_json_reads_them(tmp_path: Path) -> None:
    path = written(tmp_path, "kind: thing\nthingId: a\ncolour: b\nsize: 010\nnew: true\nby: null\n")
    assert read_files([path])[0].fields() == {"thingId": "a", "colour": "b", "size": 10, "new": True, "by": None}


def test_one_request_a_list_and_several_documents_and_files(tmp_path: Path) -> None:
    one = written(tmp_path, '{"kind": "thing", "thingId": "a", "colour": "b"}', "a.json")
    many = written(
        tmp_path,
        "- {kind: thing, thingId: b, colour: c}\n---\n- {kind: thing, thingId: c, colour: c}\n---\n"
        "kind: thing\nthingId: d\ncolour: e\n",
    )
    assert [request.subject() for request in read_files([one, many])] == [f"thing/{name}" for name in "abcd"]


def test_every_problem_of_every_file_has_its_place(tmp_path: Path) -> None:
    one = written(tmp_path, "kind: thing\ncolour: red\nsize: 3\nflavour: salt\n", "one.yaml")
    many = written(tmp_path, "- 5\n- {thingId: x}\n- {kind: thing, thingId: x, colour: far too long}\n", "many.yaml")
    documents = written(tmp_path, "{kind: thing, thingId: x}\n---\n{kind: thing, colour: y}\n", "documents.yaml")
    torn = written(tmp_path, "kind: [thing\n", "torn.yaml")
    twice = written(tmp_path, "kind: thing\nthingId: a\nthingId: b\ncolour: c\n", "twice.yaml")
    empty = written(tmp_path, "# nothing\n", "empty.yaml")
    with pytest.raises(InvalidRequest) as raised:
        read_files([one, many, documents, torn, twice, empty, tmp_path / "none.yaml"])
    places = [problem.place.removeprefix(f"{tmp_path}/") for problem in raised.value.problems]
    assert places == [
        *("one.yaml thingId", "one.yaml flavour", "one.yaml size"),
        *("many.yaml[0]", "many.yaml[1] kind", "many.yaml[2] colour"),
        *("documents.yaml[0] colour", "documents.yaml[1] thingId"),
        *("torn.yaml", "twice.yaml", "empty.yaml", "none.yaml"),
    ]
    said = str(raised.value)
    assert "'thingId' is there twice" in said
    assert "No such file" in said
    assert "line 2" in said  # of the torn one
