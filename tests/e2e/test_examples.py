"""Every example is run as it stands: tried dry, carried out at once, and handed in to a running product."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from handlers.requests.brake import BrakeRequest
from handlers.requests.kinds import KINDS
from processor.app.requests.files import read_files
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.e2e.centre import connected
from tests.e2e.programs import PASSWORD, command, running

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "requests"
DIALECTS = ("platform", "guide")
SECRET = "secret-of-the-oauth-client"
ASKING = ("/query", "/search", "/oauth/token")
"""How the paths end that are posted to without changing anything."""


def examples(dialect: str) -> list[Path]:
    """Those of the dialect."""
    return sorted(FOLDER.glob(f"*.{dialect}.yaml"))


def brakes() -> list[Path]:
    """Words to the loop, the same in any dialect: freeze before resume."""
    return sorted(file for file in FOLDER.iterdir() if "." not in file.stem)


@asynccontextmanager
async def organisation(dialect: str) -> AsyncIterator[tuple[Sandbox, dict[str, str]]]:
    options = Options(port=0, wfm_port=0, quiet=True, dialect=dialect, rate_limit=10_000, client_secret=SECRET)
    async with sandbox_running(options) as sandbox:
        yield sandbox, {**connected(sandbox), "WFM_URL": sandbox.wfm_url, "WFM_SECRET": options.wfm_secret}


def written(sandbox: Sandbox) -> list[str]:
    """The calls that changed something."""
    return [
        f"{call.method} {call.path}"
        for call in sandbox.guard.seen
        if call.method != "GET" and not call.path.endswith(ASKING)
    ]


def test_every_kind_has_an_example_in_each_dialect_and_every_example_is_of_its_kind() -> None:
    free = {kind for kind, model in KINDS.items() if issubclass(model, BrakeRequest)}
    wanted = {f"{kind}.{dialect}" for kind in KINDS.keys() - free for dialect in DIALECTS} | free
    assert {file.stem for file in FOLDER.iterdir()} == wanted
    for file in FOLDER.iterdir():
        (request,) = read_files([file])
        assert request.kind == file.stem.partition(".")[0]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_tried_dry_and_carried_out_at_once(dialect: str, tmp_path: Path) -> None:
    files = examples(dialect)
    async with organisation(dialect) as (sandbox, settings):
        settings |= {"AUDIT_FILE": str(tmp_path / "audit.jsonl"), "LOG": f"sqlite:///{tmp_path / 'events.db'}"}
        dry = await command("request", *files, "--dry-run", settings=settings)
        planned: list[dict[str, Any]] = yaml.safe_load(dry.out)
        assert dry.code == 0, dry.err
        assert [one["would"] for one in planned] == ["change"] * len(files)
        assert written(sandbox) == [], "nothing is written"
        done = await command("request", *files, "--now", settings=settings)
        calls = written(sandbox)
        assert sandbox.wfm.books["schedules"].bodies == [], "without a log nobody could make sure that it is told"
    assert done.code == 0, done.err
    assert [(one["kind"], one["status"]) for one in done.lines] == [(one["request"], "done") for one in planned]
    for outcome, plan in zip(done.lines, planned, strict=True):
        promised = {name: change["after"] for name, change in plan["changes"].items()}
        assert {name: outcome["after"].get(name) for name in promised} == promised
    assert calls == [f"{call['method']} {call['path'].partition('?')[0]}" for one in planned for call in one["calls"]]
    kept = (tmp_path / "audit.jsonl").read_text(encoding="utf-8")
    last = {line["requestId"]: line for line in map(orjson.loads, kept.splitlines())}
    assert list(last.values()) == done.lines
    assert not (tmp_path / "events.db").exists(), "without a log"
    assert SECRET not in kept + dry.out + dry.err + done.out + done.err


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_handed_in_and_waited_for(dialect: str, tmp_path: Path) -> None:
    async with organisation(dialect) as (sandbox, settings), running(tmp_path, **settings) as product:
        done = await product.command("request", *examples(dialect), "--wait")
        ends = {line["requestId"]: line for line in done.lines if "status" in line}
        assert done.code == 0, done.err
        assert {one["status"] for one in ends.values()} == {"done"}
        assert sorted(one["kind"] for one in ends.values()) == sorted(
            file.stem.partition(".")[0] for file in examples(dialect)
        )
        again = len(written(sandbox))
        for file in brakes():
            brake = await product.command("request", file, "--wait")
            assert (brake.code, brake.lines[-1]["status"]) == (0, "done"), brake.err
        assert len(written(sandbox)) == again
        topics = [await product.topic(name) for name in ("requests", "outcomes", "decisions", "raw")]
        said = product.said + "".join(product.heard) + orjson.dumps(topics).decode()
    assert not [secret for secret in (SECRET, PASSWORD, settings["WFM_SECRET"]) if secret in said]
