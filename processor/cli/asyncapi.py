"""`asyncapi`: the topics as an AsyncAPI 3 document, and the gate that keeps their promises."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson

from processor.app.documents.asyncapi import document
from processor.app.documents.compatibility import breaks
from processor.errors import ConflictError, PoisonError


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("asyncapi", help="the topics, as an AsyncAPI 3 document", description=__doc__)
    parser.add_argument("--check", type=Path, metavar="FILE", help="exit 4 when FILE was promised and is not kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="bring FILE up to date; refused when that breaks it")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    made = text()
    kept = options.check or options.write
    if kept is None:
        print(made, end="")
        return 0
    if kept.exists() or options.check:
        broken = breaks(_read(kept), orjson.loads(made))
        if broken:
            raise ConflictError(f"promises of {kept} would be broken: " + "; ".join(broken))
    if options.write:
        options.write.write_text(made, encoding="utf-8")
    return 0


def text() -> str:
    """The document as it is kept in docs/asyncapi.json."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2).decode() + "\n"


def _read(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise PoisonError(f"{file} cannot be read as an AsyncAPI document: {error}") from error
