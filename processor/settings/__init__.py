"""The settings, read from the environment and a file; never built at import.

`PROCESSOR_<NAME>` in the environment wins over `<name>` in the YAML file that `PROCESSOR_CONFIG`
names. Every secret may come from a file instead: `PROCESSOR_<NAME>_FILE`, in the YAML file
`<name>_file`, in the tables of it too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from processor.errors import SettingsError
from processor.settings.model import Settings, secret_fields
from processor.settings.tables import TABLES, CapacityFloor, Destination, LoopRule, ProfileExport, ProfileRule

__all__ = [
    "PREFIX",
    "TABLES",
    "CapacityFloor",
    "Destination",
    "LoopRule",
    "ProfileExport",
    "ProfileRule",
    "Settings",
    "SettingsError",
    "load",
    "secret_fields",
    "without_settings",
]

PREFIX = "PROCESSOR_"


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings. Raises `SettingsError` that names every unknown name and wrong value at once."""
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    values = _from_file(environ.get(PREFIX + "CONFIG"), problems)
    values |= _from_environment(environ, problems)
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_problem(dict(item)) for item in error.errors(include_input=False, include_url=False)]
    if problems:
        raise SettingsError("settings: " + "; ".join(problems))
    return settings


def _problem(item: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "string_pattern_mismatch":
        message = f"must be written like {Settings.model_fields[place].default}"
    return f"{PREFIX}{place.upper()}: {message}" if place else message


def _from_file(name: str | None, problems: list[str]) -> dict[str, Any]:
    if not name:
        return {}
    try:
        values = yaml.safe_load(Path(name).read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        problems.append(f"{PREFIX}CONFIG: {name} cannot be read: {_why(error)}")
        return {}
    values = _with_secrets(values, Settings, name, problems)
    if not isinstance(values, dict):
        problems.append(f"{PREFIX}CONFIG: {name} must hold names and values")
        return {}
    if isinstance(tables := values.get("destinations"), dict):
        values["destinations"] = {
            key: _with_secrets(table, Destination, f"{name}: destinations.{key}", problems)
            for key, table in tables.items()
        }
    known = {key: value for key, value in values.items() if key in Settings.model_fields}
    problems += [f"{name}: unknown name {key!r}" for key in values if key not in known]
    return known


def _why(error: Exception) -> str:
    """What is wrong, and where: no word of what stands there, it may be a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        place = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        return f"it is no YAML at {place} (a text with signs in it wants quotes)"
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    if isinstance(error, yaml.YAMLError):
        return "it is no YAML"
    return "it holds a date or a number that there is not (a text that looks like one wants quotes)"


def _with_secrets(written: Any, model: type[BaseModel], where: str, problems: list[str]) -> Any:
    """What is written, each `<secret>_file` replaced by the secret that lies there."""
    if not isinstance(written, dict):
        return written
    values = dict(written)
    for secret in secret_fields(model):
        file = values.pop(f"{secret}_file", None)
        if file is None:
            continue
        if secret in values:
            problems.append(f"{where}: {secret} and {secret}_file: set one of them")
        if not isinstance(file, str):
            problems.append(f"{where}: {secret}_file must be the name of a file")
            continue
        _read_secret(values, secret, file, f"{where}: {secret}_file", problems)
    return values


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name == PREFIX + "CONFIG" or value == "":
            continue
        field = name.removeprefix(PREFIX).lower()
        if field in Settings.model_fields:
            values[field] = value
        elif field.removesuffix("_file") in secret_fields() and field.endswith("_file"):
            if environ.get(name.removesuffix("_FILE")):
                problems.append(f"{name.removesuffix('_FILE')} and {name}: set one of them")
            _read_secret(values, field.removesuffix("_file"), value, name, problems)
        else:
            near = get_close_matches(field, Settings.model_fields, 1, 0.65)
            perhaps = f": perhaps {PREFIX}{near[0].upper()}" if near else " (see `genesys-processor check`)"
            problems.append(f"{name} is no setting of this program{perhaps}")
    return values


def _read_secret(values: dict[str, Any], field: str, file: str, where: str, problems: list[str]) -> None:
    try:
        values.setdefault(field, Path(file).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{where}: {file} cannot be read: {_why(error)}")


def without_settings() -> dict[str, str]:
    """The environment for a child process that gets its own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
