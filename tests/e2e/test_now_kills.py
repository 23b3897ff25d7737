"""`request --now` that is killed right after its first write: the next one tells how it stands, and takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from sandbox.genesys.guard import Call
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.e2e.centre import connected
from tests.e2e.programs import child, command

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
CASES = (
    ("schedule", "platform", "done"),
    ("schedule", "guide", "done"),
    ("campaign-schedule", "guide", "done"),
    ("presence", "platform", "failed"),
    ("routing-profile", "platform", "failed"),
)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (folder / "audit.jsonl").read_bytes().splitlines()]


async def killed(sandbox: Sandbox, file: Path, environment: dict[str, str]) -> int:
    """How many writes there were when SIGKILL came, which is when the first was done and not yet answered."""
    came: list[Call] = []
    async with child("request", file, "--now", environment=environment) as process:

        def watch(call: Call) -> None:
            if call.method != "GET" and not call.path.endswith(("/query", "/search", "/token")):
                came.append(call)
                process.kill()

        sandbox.guard.watchers.append(watch)
        await process.communicate()
        sandbox.guard.watchers.remove(watch)
    assert (process.returncode or 0) < 0
    return len(came)


async def planned(file: Path, settings: dict[str, str], folder: Path) -> Any:
    """What would be changed now."""
    done = await command("request", file, "--dry-run", settings=settings, cwd=folder)
    assert (done.code, "half-way" in done.err) == (0, False), done.err
    return yaml.safe_load(done.out)[0]["changes"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "dialect", "status"), CASES)
async def test_who_was_killed_is_explained_by_the_next(kind: str, dialect: str, status: str, tmp_path: Path) -> None:
    options = Options(port=0, wfm_port=0, quiet=True, rate_limit=10_000, dialect=dialect)
    file = EXAMPLES / f"{kind}.{dialect}.yaml"
    async with sandbox_running(options) as sandbox:
        settings = {
            **connected(sandbox),
            "GENESYS_DIALECT": dialect,
            "AUDIT_FILE": str(tmp_path / "audit.jsonl"),
            "OPERATING_HOURS": "00:00:00-23:59:59",  # this may run at any hour, and what is undone is a presence of the day
        }
        environment = {f"PROCESSOR_{name}": value for name, value in settings.items()}
        first = await planned(file, settings, tmp_path)
        assert await killed(sandbox, file, environment) == 1
        (begun,) = (tmp_path / "audit.jsonl.begun").iterdir()
        rest = await planned(file, settings, tmp_path)
        assert rest != first
        assert begun.exists(), "who only plans writes nothing"
        told = await command("request", "--undo", "never-asked", "--now", settings=settings, cwd=tmp_path)
        assert f"request {begun.name} ({kind} " in told.err
        assert f"was stopped half-way and is {status}" in told.err
        assert await planned(file, settings, tmp_path) == rest, "nothing is done about it"
        end = lines(tmp_path)[-1]
        assert (end["requestId"], end["status"]) == (begun.name, status)
        assert end["before"] != end["after"]
        assert end["audit"]
        assert not begun.exists()
        undone = await command("request", "--undo", begun.name, "--now", settings=settings, cwd=tmp_path)
        assert "half-way" not in undone.err, "it is told once"
        if (kind, dialect) == ("campaign-schedule", "guide"):
            assert "no call that deletes" in undone.err
        else:
            assert undone.code == 0, undone.err
            assert await planned(file, settings, tmp_path) == first
