"""A request whose process is killed right after its write: finished after the restart, told as it was, and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.genesys.guard import Call
from sandbox.names import EMAIL, PROFILES, uid
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.e2e.programs import Product, eventually, running

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
GROUP, HOURS = uid("schedule-group", "New York Support"), uid("schedule", "Support Hours")
TIER = PROFILES["Tier 1"]
CASES = (
    ("platform", "schedule", f"/api/v2/architect/schedules/{HOURS}"),
    ("guide", "schedule", f"/api/v2/schedulegroups/{GROUP}/schedules/{HOURS}"),
    ("guide", "routing-profile", f"/api/v2/routing/profiles/{TIER}"),
    ("guide", "queue-routing", f"/api/v2/routing/queues/{EMAIL.id}"),
)


def killed_at(sandbox: Sandbox, path: str, product: Product) -> list[str]:
    """SIGKILL when the next write there is done and its answer not yet out; returns the methods that came so far."""
    came: list[str] = []

    def watch(call: Call) -> None:
        if call.path == path and call.method in ("PUT", "PATCH"):
            came.append(call.method)
            if len(came) == 1 and product.program.process:
                product.program.process.kill()

    sandbox.guard.watchers.append(watch)
    return came


async def ended(product: Product, request_id: str) -> dict[str, Any]:
    """The outcome of this request."""

    async def look() -> Any:
        told = [one["value"] for one in await product.topic("outcomes")]
        ends = (one for one in told if one.get("requestId") == request_id and one["status"] != "started")
        return next(ends, None)

    return dict(await eventually(look))


def there(sandbox: Sandbox, dialect: str, kind: str) -> Any:
    """What Genesys has, without what it counts and dates itself."""
    if kind == "routing-profile":
        found = sandbox.guide.profiles.table[TIER]
    elif kind == "queue-routing":
        found = sandbox.guide.queues.present(EMAIL.id)
    else:
        found = sandbox.guide.schedules.items[GROUP, HOURS] if dialect == "guide" else sandbox.world.schedules[HOURS]
    told = {"version", "dateModified", "modifiedBy", "modifiedByApp"}
    return {name: value for name, value in found.items() if name not in told and value}


@pytest.mark.slow
@pytest.mark.parametrize(("dialect", "kind", "path"), CASES)
async def test_what_stood_before_outlives_the_process(dialect: str, kind: str, path: str, tmp_path: Path) -> None:
    options = Options(port=0, wfm_port=0, quiet=True, dialect=dialect, rate_limit=10_000)
    async with sandbox_running(options) as sandbox:
        settings = {
            "GENESYS_API_URL": sandbox.genesys_url,
            "GENESYS_LOGIN_URL": sandbox.genesys_url,
            "GENESYS_CLIENT_ID": options.client_id,
            "GENESYS_CLIENT_SECRET": options.client_secret,
            "GENESYS_DIALECT": dialect,
        }
        async with running(tmp_path, **settings) as product:
            before = there(sandbox, dialect, kind)
            writes = killed_at(sandbox, path, product)
            asked = await product.command("request", EXAMPLES / f"{kind}.{dialect}.yaml")
            assert asked.code == 0, asked.err
            assert product.program.process
            assert await product.program.process.wait() < 0
            assert there(sandbox, dialect, kind) != before, "the write came about"
            told = [one["value"]["status"] for one in await product.topic("outcomes")]
            assert told in ([], ["started"]), "and nobody was told"
            await product.start()
            done = await ended(product, asked.lines[0]["id"])
            assert (done["status"], len(writes)) == ("done", 1), "it was not done twice"
            assert done["before"] != done["after"]
            undone = await product.command("request", "--undo", done["requestId"], "--wait")
            assert undone.code == 0, undone.err
            assert there(sandbox, dialect, kind) == before


@pytest.mark.slow
async def test_an_undo_that_is_killed_is_not_its_own_conflict(tmp_path: Path) -> None:
    """What it expects to find is gone by its own hand."""
    options = Options(port=0, wfm_port=0, quiet=True, dialect="guide", rate_limit=10_000)
    async with sandbox_running(options) as sandbox:
        settings = {
            "GENESYS_API_URL": sandbox.genesys_url,
            "GENESYS_LOGIN_URL": sandbox.genesys_url,
            "GENESYS_CLIENT_ID": options.client_id,
            "GENESYS_CLIENT_SECRET": options.client_secret,
            "GENESYS_DIALECT": "guide",
        }
        async with running(tmp_path, **settings) as product:
            before = there(sandbox, "guide", "routing-profile")
            done = await product.command("request", EXAMPLES / "routing-profile.guide.yaml", "--wait")
            assert done.code == 0, done.err
            writes = killed_at(sandbox, f"/api/v2/routing/profiles/{TIER}", product)
            undone = await product.command("request", "--undo", done.lines[0]["id"])
            assert undone.code == 0, undone.err
            assert product.program.process
            assert await product.program.process.wait() < 0
            await product.start()
            outcome = await ended(product, undone.lines[0]["id"])
            assert (outcome["status"], len(writes)) == ("done", 1), outcome["error"]
            assert outcome["before"] == done.lines[1]["after"]
            assert there(sandbox, "guide", "routing-profile") == before
