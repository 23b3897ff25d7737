"""`check`: the effective settings, what is off and why, and whether the connections work."""

from __future__ import annotations

import argparse
import asyncio
import typing
from typing import Any

from pydantic import BaseModel, SecretStr

from processor.app.log import open_log
from processor.app.switches import switched_off
from processor.errors import ProcessorError
from processor.settings import PREFIX, LoopRule, Settings, load, secret_fields

PAGE_HEAD = """# Configuration

Every setting comes from the environment, or from the YAML file that `PROCESSOR_CONFIG` names (names in lower case,
without the prefix); the environment wins. Lists are separated by commas. Settings marked *secret* may come from a file
instead: `PROCESSOR_<NAME>_FILE`. An unknown name or a wrong value refuses to start and says which.

This page is generated: `genesys-processor check --documentation`.
"""


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("check", help="effective settings and connections", description=__doc__)
    parser.add_argument("--documentation", action="store_true", help="print docs/configuration.md")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.documentation:
        print(documentation(), end="")
        return 0
    return asyncio.run(_check(load()))


async def _check(settings: Settings) -> int:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value not in (None, (), {}):
            print(f"{PREFIX}{name.upper()}={_shown(value)}")
    print()
    for line in switched_off(settings):
        print(f"off: {line}")
    try:
        async with open_log(settings) as log:
            await log.check()
        print(f"log: {settings.log} takes appends")
    except ProcessorError as error:
        print(f"log: {settings.log}: {error}")
        return 1
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_shown(item) for item in value)
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return "***" if isinstance(value, SecretStr) else str(value)


def documentation() -> str:
    """The page of all settings."""
    lines = [PAGE_HEAD, "| setting | default | what it is for |", "|---|---|---|"]
    lines += [_row(PREFIX + name.upper(), name, Settings) for name in Settings.model_fields]
    lines += [
        "",
        "## `loop_rule` (in the file)",
        "",
        "| name | default | what it is for |",
        "|---|---|---|",
        *(_row(name, name, LoopRule) for name in LoopRule.model_fields),
        "",
    ]
    return "\n".join(lines)


def _row(shown: str, name: str, model: type[BaseModel]) -> str:
    field = model.model_fields[name]
    default = "the host's name" if name == "kafka_member_id" else field.get_default(call_default_factory=True)
    words = "" if default in (None, (), {}) or isinstance(default, LoopRule) else f"`{default}`"
    if isinstance(default, tuple) and default:
        words = f"`{','.join(default)}`"
    if name == "kafka_member_id":
        words = str(default)
    choices = typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()
    also = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    secret = " *Secret.*" if model is Settings and name in secret_fields() else ""
    return f"| `{shown}` | {words} | {' '.join((field.description or '').split())}{also}{secret} |"
