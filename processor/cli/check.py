"""`check`: the effective settings, what is off and why, and whether the connections work."""

from __future__ import annotations

import argparse
import asyncio
import typing
from typing import Any

from pydantic import BaseModel, SecretStr

from processor.app.errands.connections import connections
from processor.app.errands.permissions import rights
from processor.app.farsides import redactor
from processor.app.log import open_log, utc_now
from processor.app.receiving import verifier_of
from processor.app.short_secrets import OTHER_BYTES, SIGNING_BYTES, short_secrets
from processor.app.switches import switched_off
from processor.errors import ProcessorError, RefusedError, RetryableError
from processor.settings import PREFIX, TABLES, Settings, load, secret_fields

PAGE_HEAD = f"""# Configuration

Every setting comes from the environment, or from the YAML file that `PROCESSOR_CONFIG` names (names in lower case,
without the prefix); the environment wins. Lists are separated by commas. Settings marked *secret* may come from a file
instead: `PROCESSOR_<NAME>_FILE`, in the YAML file `<name>_file`. An unknown name or a wrong value refuses to start
and says which.
A secret that lets callers in or signs what is sent is told of at start and by `check` when it is short:
fewer than {SIGNING_BYTES} bytes of a Standard Webhooks secret (the standard asks for {SIGNING_BYTES} to 64),
fewer than {OTHER_BYTES} of any other. It is taken as it is.

Every far side but those on loopback is reached through the proxy that `HTTPS_PROXY` (or `HTTP_PROXY` for plain
addresses) names, without it for the hosts in `NO_PROXY`; `PROCESSOR_CA_FILE` adds the authority of one that
looks inside.

This page is generated: `genesys-processor check --documentation`.
"""

REMEDY = {
    "platform": "grant what is missing to a role of the OAuth client (Admin, People & Permissions, Roles)",
    "guide": "give the client the scopes that are missing (Admin, Integrations, OAuth), then ask for a new token",
}
PROOFS = (
    "webhook_secrets",
    "webhook_public_keys",
    "webhook_basic",
    "webhook_api_key",
    "webhook_genesys_secret",
    "insecure_no_auth",
)


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
    hide = redactor(settings)
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value not in (None, (), {}):
            print(f"{PREFIX}{name.upper()}={hide(_shown(value))}")
    print()
    if any(getattr(settings, name) for name in PROOFS):
        verifier_of(settings)
    else:
        print("off: callbacks: `serve` refuses to start, since no caller could prove who he is (set WEBHOOK_BASIC)")
    for line in switched_off(settings):
        print(f"off: {line}")
    for line in short_secrets(settings):
        print(f"short: {line}")
    codes = [await _log_answers(settings)]
    async for one in connections(settings):
        print(f"{one.name}: {hide(one.url)}: {one.said}")
        codes.append(_code(one.error))
    if settings.genesys_client_id and max(codes) == 0:  # nobody can be asked while he does not answer
        codes.append(await _permitted(settings))
    return max(codes)


async def _permitted(settings: Settings) -> int:
    """Missing is an error where the settings ask for the part; a kind of request may never be used."""
    try:
        found = await rights(settings, utc_now)
    except ProcessorError as error:
        print(f"permissions: {redactor(settings)(str(error))}")
        return _code(error)
    for right in found:
        print(f"permissions: {right.said()}")
    missing = any(right.missing for right in found)
    if missing:
        print(f"permissions: {REMEDY[settings.genesys_dialect]}")
    return 5 if any(right.missing and right.demanded for right in found) else 0


async def _log_answers(settings: Settings) -> int:
    try:
        async with open_log(settings) as log:
            await log.check()
    except ProcessorError as error:
        print(f"log: {settings.log}: {error}")
        return _code(error) if settings.log.startswith("kafka://") else 1
    print(f"log: {settings.log}: takes appends")
    return 0


def _code(error: ProcessorError | None) -> int:
    if error is None:
        return 0
    return 6 if isinstance(error, RetryableError) else 5 if isinstance(error, RefusedError) else 1


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_shown(item) for item in value)
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return "***" if isinstance(value, SecretStr) else str(value)


def documentation() -> str:
    """The page of all settings."""
    names = {PREFIX + name.upper(): name for name in Settings.model_fields}
    lines = [PAGE_HEAD, "| setting | default | what it is for |", "|---|---|---|"]
    lines += [_row(shown, name, Settings) for shown, name in names.items()]
    for place, model in TABLES.items():
        lines += ["", f"## `{place}` (in the file)", "", "| name | default | what it is for |", "|---|---|---|"]
        lines += [_row(name, name, model) for name in model.model_fields]
    return "\n".join([*lines, ""])


def _row(shown: str, name: str, model: type[BaseModel]) -> str:
    field = model.model_fields[name]
    default = "the host's name …" if name == "kafka_member_id" else field.get_default(call_default_factory=True)
    default = None if field.is_required() else default
    words = "" if default in (None, (), {}) or isinstance(default, BaseModel) else f"`{default}`"
    if isinstance(default, tuple) and default:
        words = f"`{','.join(default)}`"
    if name == "kafka_member_id":
        words = str(default)
    choices = typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()
    also = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    secret = " *Secret.*" if name in secret_fields(model) else ""
    return f"| `{shown}` | {words} | {' '.join((field.description or '').split())}{also}{secret} |"
