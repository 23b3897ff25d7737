"""Events over notification channels: sockets break at every point, and what the floor showed at the end is known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.clock import stamp
from sandbox.genesys.notifications import Channel
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.e2e.centre import connected
from tests.e2e.programs import Product, commands, eventually, running

SECRET = "secret-of-the-oauth-client"
NO_CALLERS = {"WEBHOOK_BASIC": ""}


def settings(sandbox: Sandbox) -> dict[str, str]:
    return {
        **connected(sandbox),
        "HORIZON_WEEKS": "2",
        "LOOP_MODE": "off",
        **NO_CALLERS,
    }


def standing(sandbox: Sandbox) -> dict[str, tuple[str, str]]:
    """By agent, what the floor shows now: presence and since when."""
    floor = sandbox.floor
    return {
        f"agent/{user}": (
            desk.presence.upper().replace("ONQUEUE", "ON_QUEUE"),
            stamp(floor.moment(desk.presence_since)),
        )
        for user, desk in floor.desks.items()
        if user not in sandbox.world.gone
    }


async def known(product: Product) -> dict[str, tuple[str, str]]:
    rows = {record["key"]: record["value"] for record in await product.topic("presence")}
    return {key: (str(row["presence"]), str(row["presenceSince"])) for key, row in rows.items() if row}


async def listening(sandbox: Sandbox) -> Channel:
    async def look() -> Channel | None:
        open_ones = [one for one in sandbox.notifications.channels.values() if one.socket and not one.socket.closed]
        return open_ones[0] if open_ones else None

    found: Channel = await eventually(look)
    return found


async def hour(sandbox: Sandbox) -> None:
    """An hour in small steps, so that its events come one after the other."""
    for _ in range(12):
        sandbox.clock.jump(timedelta(minutes=5))
        sandbox.life.step()


async def agrees(sandbox: Sandbox, product: Product) -> None:
    async def look() -> bool:
        return await known(product) == standing(sandbox)

    await eventually(look)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_whatever_breaks_nothing_that_was_emitted_is_missing_afterwards(tmp_path: Path) -> None:
    options = Options(port=0, wfm_port=0, client_secret=SECRET, rate_limit=100_000, speed=0.001)
    async with (
        sandbox_running(options) as sandbox,
        running(tmp_path, "--source", "channel", **settings(sandbox)) as product,
    ):
        assert product.ready["receiver"] is None
        channel = await listening(sandbox)
        await agrees(sandbox, product)
        raw = len(await product.topic("raw"))
        await hour(sandbox)
        await agrees(sandbox, product)
        types = {record["headers"]["ce_type"] for record in (await product.topic("raw"))[raw:]}
        assert "v2.users.{id}.activity" in types, "events come over the socket, not by asking alone"
        for cut_after in (0, 1, 7):
            channel.cut_after = channel.sent + cut_after
            await hour(sandbox)
            channel = await listening(sandbox)
            await agrees(sandbox, product)
        await sandbox.notifications.announce_closing(channel)
        await hour(sandbox)
        await agrees(sandbox, product)
        sandbox.notifications.forget(await listening(sandbox))
        await hour(sandbox)
        await listening(sandbox)
        await agrees(sandbox, product)
        sandbox.guard.down = True
        sandbox.notifications.cut(await listening(sandbox))
        await hour(sandbox)
        sandbox.guard.down = False
        await listening(sandbox)
        await agrees(sandbox, product)
        assert sandbox.notifications.missed, "the test would prove nothing"
        assert SECRET not in product.said


async def test_what_it_needs_is_said_at_once(tmp_path: Path) -> None:
    log = {"LOG": f"sqlite:///{tmp_path / 'events.db'}"}
    guide = log | {"GENESYS_DIALECT": "guide", "GENESYS_CLIENT_ID": "x", "GENESYS_CLIENT_SECRET": "y"}
    words = ("serve", "--source", "channel")
    nothing, other = await commands([(words, log), (words, guide)], tmp_path)
    assert (nothing.code, "GENESYS_CLIENT_ID" in nothing.err) == (2, True)
    assert (other.code, "webhooks" in other.err) == (2, True)
