"""What an errand waits for others to do: asked again and again, for half a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

WITHIN_SECONDS = 30
TURN_SECONDS = 0.2
TURNS = round(WITHIN_SECONDS / TURN_SECONDS)


async def within(look: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it came true in time."""
    for _ in range(TURNS):
        if await look():
            return True
        await turn()
    return False


async def turn() -> None:
    """Others get on meanwhile."""
    await asyncio.sleep(TURN_SECONDS)
