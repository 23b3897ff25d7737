"""Routing profiles from a request to Genesys, back through the event export to the WFM system, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.names import EMAIL, PROFILES, SKILLS, agents
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.e2e.centre import connected
from tests.e2e.programs import Product, command, eventually, running

TIER = PROFILES["Tier 1"]
ANA = agents()[0].id
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"


def pushed(sandbox: Sandbox) -> dict[str, Any]:
    """The profile as the WFM system has it; empty before."""
    states = sandbox.wfm.books["events"].state
    found = [state["data"] for name, state in states.items() if TIER in str(name)]
    return dict(found[0]) if found else {}


async def versions(product: Product) -> list[str]:
    return [one["value"]["version"] for one in await product.topic("profiles") if one["value"]["profileId"] == TIER]


async def until_version(product: Product, version: str) -> None:
    async def look() -> bool:
        return version in await versions(product)

    await eventually(look)


@pytest.mark.slow
async def test_a_changed_profile_reaches_the_clean_topic_once_and_the_wfm_system(tmp_path: Path) -> None:
    options = Options(port=0, wfm_port=0, quiet=True, dialect="guide", rate_limit=10_000)
    async with sandbox_running(options) as sandbox:
        config = tmp_path / "config.yaml"
        config.write_text("profile_export:\n  endpoint: https://s3.invalid\n  poll_seconds: 0.2\n")
        known = {"CONFIG": str(config), "WFM_URL": sandbox.wfm_url, "WFM_SECRET": options.wfm_secret}
        async with running(tmp_path, **known, **connected(sandbox)) as product:

            async def configured() -> bool:
                return bool(await product.topic("cursors"))

            await eventually(configured)
            done = await product.command("request", EXAMPLES / "routing-profile.guide.yaml", "--wait")
            assert done.code == 0, done.err
            await until_version(product, "6")
            await product.restart()
            sandbox.guide.profiles.by_a_person(TIER, {"utilizationPercent": 40})
            await until_version(product, "7")
            (record,) = [one for one in await product.topic("outcomes") if one["value"]["kind"] == "routing-profile"]
            outcome = record["value"]
            assert (outcome["status"], record["key"]) == ("done", f"profile/{TIER}")
            assert outcome["audit"]["status"] == "COMPLIANT"
            assert outcome["audit"]["latencyMs"] == outcome["latencyMs"]

            async def told_on() -> bool:
                return bool(pushed(sandbox).get("version") == "7")

            await eventually(told_on)
            conflict = await product.command("request", "--undo", outcome["requestId"], "--wait")
            assert conflict.code == 4, conflict.out
            told = (await product.command("report", "profile", TIER, "--json")).lines[0]
            sent = pushed(sandbox)
            exports = sandbox.guide.exports.orders
            await product.at_rest()
            known_versions = await versions(product)
    assert known_versions == sorted(set(known_versions)), "our own change coming back makes no second record"
    assert sent["changes"]["utilizationPercent"] == 40
    assert len(exports) == 1, "the restart found the export that was there"
    assert (told["totalUpdates"], told["conflictRate"], told["utilizationPercent"]) == (1, 0, 40)
    assert told["recommended"][0]["queueId"] == EMAIL.id
    assert told["recommended"][0]["utilizationPercent"] == told["recommendedUtilization"]
    assert told["quota"] == {"skills": 2, "maxConcurrentSessions": 1000}


@pytest.mark.slow
async def test_at_once_without_a_log_in_the_official_dialect(tmp_path: Path) -> None:
    options = Options(port=0, wfm_port=0, quiet=True, rate_limit=10_000)
    file = EXAMPLES / "routing-profile.platform.yaml"
    async with sandbox_running(options) as sandbox:
        settings = connected(sandbox)
        before = dict(sandbox.skills.held[ANA])
        shown = await command("request", file, "--dry-run", settings=settings, cwd=tmp_path)
        assert shown.code == 0, shown.err
        assert sandbox.skills.held[ANA] == before
        assert f"/api/v2/users/{ANA}/routingskills/bulk" in shown.out
        done = await command("request", file, "--now", settings=settings, cwd=tmp_path)
        assert done.code == 0, done.err
        assert sandbox.skills.held[ANA] == {SKILLS["English"]: 4.5, SKILLS["Billing"]: 4.25}
        report = await command("report", "profile", ANA, "--queue", EMAIL.id, settings=settings, cwd=tmp_path)
        assert report.code == 0, report.err
        wrong = await command(
            "request", EXAMPLES / "routing-profile.guide.yaml", "--now", settings=settings, cwd=tmp_path
        )
    assert "maximumCapacities:\n  call: 1\n" in report.out
    assert wrong.code == 3
    assert "userIds" in wrong.out + wrong.err
