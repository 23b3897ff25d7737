"""What the README says holds: its commands run as they stand, what it names is there."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import orjson
import pytest
import yaml

from processor.cli import COMMANDS
from processor.settings import load
from processor.telemetry import Metrics

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted({ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")})
CURL = """
curl() { for last; do :; done; python3 -c '
import sys, time, urllib.request
for _ in range(30):
    try: sys.exit(print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode(), end=""))
    except OSError: time.sleep(1)' "$last"; }
"""
"""For a machine without it."""


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def run(script: str, folder: Path) -> str:
    commands = folder / "bin"
    commands.mkdir()
    console = commands / "genesys-processor"
    console.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m processor "$@"\n')
    console.chmod(0o755)
    receiver, admin, genesys, wfm = free_ports(4)
    environment = {
        **os.environ,
        "PATH": f"{commands}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PROCESSOR_RECEIVER_PORT": str(receiver),
        "PROCESSOR_ADMIN_PORT": str(admin),
    }
    guard = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    script = script.replace("127.0.0.1:8081", f"127.0.0.1:{admin}").replace("127.0.0.1:8090", f"127.0.0.1:{genesys}")
    script = script.replace("processor sandbox", f"processor sandbox --port {genesys} --wfm-port {wfm}")
    whole = guard + ("" if shutil.which("curl") else CURL) + script
    done = subprocess.run(
        ["bash", "-c", whole], cwd=folder, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_the_walk_by_hand_runs_as_it_stands(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    script = "\n".join(blocks("sh"))
    document = "curl -s http://127.0.0.1:8081/asyncapi.json > asyncapi.json\n"
    out = run(script.replace("kill $!", f"{document}kill $!", 1), tmp_path)
    ready = orjson.loads((tmp_path / "ready.json").read_bytes())
    assert ready["event"] == "ready"
    assert ready["receiver"].startswith("http://127.0.0.1:")
    served = orjson.loads((tmp_path / "asyncapi.json").read_bytes())
    assert served == orjson.loads((ROOT / "docs" / "asyncapi.json").read_bytes()), (
        "the contract is served as it is kept"
    )
    assert '"ids":["3f7c1d52-0c7e-4a4b-9d3e-5b1f6a2c9e01"]' in out
    assert '"name":"Support Team Hours"' in out
    assert '"fate":"published"' in out
    assert '"fate":"duplicate"' in out
    assert "normalise.genesys.raw." in out, "the nonsense is parked"
    assert (tmp_path / "try" / "copy.db").stat().st_size > 0
    assert "would: change" in out, "tried dry"
    assert '"status":"done"' in out, "carried out"
    assert "totalWeeklyHours: 45" in out, "and reported"
    assert "capacity exceeded" in out
    assert (tmp_path / "try" / "routing.svg").read_text().startswith("<svg")
    template = yaml.safe_load((tmp_path / "try" / "genesys.yaml").read_text())
    assert template["Resources"]["Destination"]["Properties"]["InvocationEndpoint"].startswith("https://events.")
    assert "change-this-one" not in out + (tmp_path / "try" / "genesys.yaml").read_text()


def test_every_command_that_a_page_names_exists() -> None:
    known = set(COMMANDS)
    for page in PAGES:
        for name in re.findall(r"genesys-processor ([a-z][a-z-]+)", page.read_text(encoding="utf-8")):
            assert name in known, f"{page.name}: genesys-processor {name}"


def options_of(command: str) -> str:
    """Its help and that of its actions."""
    known = argparse.ArgumentParser()
    import_module(f"processor.cli.{command.replace('-', '_')}").add(known.add_subparsers())
    return "\n".join(said(known))


def said(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield parser.format_help()
    for action in parser._actions:
        for inner in action.choices.values() if isinstance(action, argparse._SubParsersAction) else ():
            yield from said(inner)


def test_every_option_that_a_page_names_is_one() -> None:
    named = {
        (page.name, command, option)
        for page in PAGES
        for command, rest in re.findall(r"genesys-processor ([a-z][a-z-]+)([^`\n|]*)", page.read_text(encoding="utf-8"))
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]+", rest)
    }
    assert len(named) > 10
    texts = {command: options_of(command) for _, command, _ in named}
    for page, command, option in sorted(named):
        assert re.search(rf"{option}\b", texts[command]), f"{page}: genesys-processor {command} {option}"


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_the_settings_file_is_one(tmp_path: Path) -> None:
    (text,) = blocks("yaml", (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8"))
    config = tmp_path / "config.yaml"
    config.write_text(text, encoding="utf-8")
    secret = tmp_path / "secret"
    secret.write_text("of-a-file-of-its-own", encoding="utf-8")
    files = {f"PROCESSOR_{name}_FILE": str(secret) for name in ("GENESYS_CLIENT_SECRET", "WFM_SECRET")}
    assert load({"PROCESSOR_CONFIG": str(config), **files}).wfm_url


@pytest.mark.parametrize("language", ["json"])
def test_the_records_shown_have_only_fields_of_their_topics(language: str) -> None:
    schemas = orjson.loads((ROOT / "docs" / "asyncapi.json").read_bytes())
    (text,) = blocks(language, (ROOT / "docs" / "wfm.md").read_text(encoding="utf-8"))
    records = [orjson.loads(part) for part in re.split(r"\n(?=\{)", text.strip())]
    assert len(records) >= 4
    for record in records:
        name = record["topic"].removeprefix("genesys.")
        reference = schemas["components"]["messages"][name]["payload"]["$ref"].rpartition("/")[2]
        assert set(record["value"]) <= set(schemas["components"]["schemas"][reference]["properties"])


def test_every_metric_that_the_runbook_names_is_one() -> None:
    metrics = Metrics.build()
    known = {name for metric in metrics.registry.collect() for name in (metric.name, f"{metric.name}_total")}
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bprocessor_[a-z_]+\b", text))
    assert named
    assert named <= known
