"""A product beside the sandbox: Genesys, a WFM system and people, whose clock we move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sandbox.names import EMAIL, pool
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.e2e.programs import Product, eventually, running

SECRETS = {"GENESYS_CLIENT_SECRET": "secret-of-the-oauth-client", "CALENDAR_SECRET": "secret-of-the-feeds-0123456789"}


def connected(sandbox: Sandbox) -> dict[str, str]:
    """The settings that lead to this sandbox's Genesys, in its dialect, as fast as it may be asked there."""
    return {
        "GENESYS_API_URL": sandbox.genesys_url,
        "GENESYS_LOGIN_URL": sandbox.genesys_url,
        "GENESYS_CLIENT_ID": sandbox.options.client_id,
        "GENESYS_CLIENT_SECRET": sandbox.options.client_secret,
        "GENESYS_DIALECT": sandbox.options.dialect,
        "GENESYS_REQUESTS_PER_MINUTE": str(max(300, round(sandbox.options.rate_limit))),
    }


@asynccontextmanager
async def centre(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[tuple[Sandbox, Product]]:
    """The floor is quiet and stands still, unless it is told to move on; the loop may touch Email Support.

    `arguments` are those of `serve`.
    """
    options = Options(port=0, wfm_port=0, quiet=True, client_secret=SECRETS["GENESYS_CLIENT_SECRET"], rate_limit=10_000)
    async with sandbox_running(options) as sandbox:
        config = folder / "config.yaml"
        config.write_text(f"loop_pools:\n  name:Email*: {list(_pool(sandbox))}\n")
        known = {
            "CONFIG": str(config),
            **connected(sandbox),
            "WFM_URL": sandbox.wfm_url,
            "WFM_SECRET": options.wfm_secret,
            "ESCALATION_URL": sandbox.wfm_url + "/escalations",
            "ESCALATION_SECRET": options.wfm_secret,
            "LOOP_MODE": "act",
            "LOOP_QUEUES": "name:Email*",
            "VOLUME_POLL_SECONDS": "0.3",
            "HORIZON_WEEKS": "2",
            **SECRETS,
            **settings,
        }
        async with running(folder, *arguments, **known) as product:
            yield sandbox, product
        said = product.said + "".join(product.heard)
        assert not [secret for secret in (*SECRETS.values(), options.wfm_secret) if secret in said]


def _pool(sandbox: Sandbox) -> Sequence[str]:
    return [agent.id for agent in sandbox.world.agents.values() if agent.crew.backup]


def target(sandbox: Sandbox) -> float:
    """What Genesys has as the target of Email Support, in seconds."""
    return float(sandbox.world.queues[EMAIL.id]["mediaSettings"]["email"]["serviceLevel"]["durationMs"] / 1000)


async def decisions(product: Product) -> list[dict[str, Any]]:
    """All decisions of the loop, with when they were appended."""
    return [record["value"] | {"appended": record["timestamp"]} for record in await product.topic("decisions")]


async def on_until(sandbox: Sandbox, product: Product, action: str, minutes: float = 4) -> dict[str, Any]:
    """Time passes on the floor, a few minutes at each look, until the loop has decided this; the decision."""
    before = len(await decisions(product))

    async def look() -> dict[str, Any] | None:
        made = [one for one in (await decisions(product))[before:] if one["action"] == action]
        if made:
            return made[0]
        polled = len(await product.topic("volume"))
        sandbox.clock.jump(timedelta(minutes=minutes))
        sandbox.life.step()

        async def heard() -> bool:
            return len(await product.topic("volume")) > polled

        await eventually(heard)
        return None

    found: dict[str, Any] = await eventually(look)
    return found


async def listed_as_adjusted(product: Product) -> None:
    """`queues list` says what the loop has changed of the queue that it defends."""
    listed = await product.command("queues", "list")
    (line,) = [line for line in listed.out.splitlines() if "Email Support" in line]
    assert "adjusted, step" in line
    assert f"{len(pool())} members joined by the loop" in line
