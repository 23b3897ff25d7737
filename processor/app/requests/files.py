"""Request files: YAML or JSON, one request or a list, and everything that is wrong with all of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from handlers.requests.kinds import KINDS, read
from handlers.requests.words import InvalidRequest, Problem, Request

MOST_BYTES = 64 * 1024 * 1024


class _Words(yaml.SafeLoader):
    """YAML 1.2's core words: `10:00` is no number, `2026-03-01` no date and `NO` no falsehood, as they are in JSON."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML's own way; its class would otherwise share YAML 1.1's

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Raises for a name that is there twice: PyYAML would keep the last without a word."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"(?:[-+]?[0-9]+)$", list("-+0123456789")),
    ("float", r"(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+)$", None),
    ("merge", r"(?:<<)$", ["<"]),
):
    _Words.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _integer(_: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """Ten digits, whatever it begins with: `010` is ten."""
    return int(node.value)


_Words.add_constructor("tag:yaml.org,2002:int", _integer)


def read_files(paths: Sequence[Path]) -> list[Request]:
    """In order. Raises `InvalidRequest` with every problem of every file: file, index in it, place."""
    requests: list[Request] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            for number, fields in _requests(path):
                where = str(path) if number is None else f"{path}[{number}]"
                try:
                    requests.append(_request(fields))
                except InvalidRequest as error:
                    problems += [replace(one, place=f"{where} {one.place}".strip()) for one in error.problems]
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            problems.append(Problem(str(path), fault(error), "a YAML or JSON file with one request or a list of them"))
    if problems:
        raise InvalidRequest(problems)
    return requests


def fault(error: Exception) -> str:
    """Why a file is none of ours, in one line; where it is no YAML the place too."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"it is no YAML at line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())[:300]


def _requests(path: Path) -> Iterator[tuple[int | None, Any]]:
    """(index, what is there) of each; None where the file is one request."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES} bytes: split it")
    documents = [one for one in yaml.load_all(content, _Words) if one is not None]  # a SafeLoader
    found = [one for document in documents for one in (document if isinstance(document, list) else [document])]
    if not found:
        raise ValueError("holds no request")
    single = len(documents) == 1 and not isinstance(documents[0], list)
    yield from ((None if single else number, one) for number, one in enumerate(found))


def _request(fields: Any) -> Request:
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise InvalidRequest([Problem("", "a request has names and values", "kind: … beside its fields")])
    kind = fields.pop("kind", None)
    if not isinstance(kind, str):
        raise InvalidRequest([Problem("kind", "say which kind of request it is", f"one of {', '.join(KINDS)}")])
    return read(kind, fields)
