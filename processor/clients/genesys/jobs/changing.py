"""A change under other people's hands: read, work out, write on condition; when somebody was faster, once more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import tenacity

from processor.clients.api import Time
from processor.clients.genesys.jobs import Found, Write
from processor.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Changed:
    """`write` None: it was so already, and nothing was sent."""

    before: Found
    after: Found
    write: Write | None
    conflict_retries: int


@dataclass(frozen=True, slots=True)
class Patience:
    """`attempts` in all; between two of them a wait drawn from nothing to a bound that doubles from `first`."""

    attempts: int = 4
    first: float = 0.2
    longest: float = 8.0


async def change(
    read: Callable[[], Awaitable[Found]],
    merge: Callable[[Found], Write | None],
    send: Callable[[Write], Awaitable[Found]],
    clocks: Time,
    patience: Patience | None = None,
) -> Changed:
    """Until the write is taken, or there is nothing to write.

    `merge` puts the wanted change into what is there (None: it is so already); it raises what no
    repeat mends. Raises `ConflictError` with the last state found when the attempts are spent.
    """
    patience = patience or Patience()
    retries = 0

    async def once() -> Changed:
        before = await read()
        write = merge(before)
        if write is None:
            return Changed(before, before, None, retries)
        try:
            return Changed(before, await send(write), write, retries)
        except ConflictError as conflict:
            raise _Overtaken(str(conflict), before, conflict.remedy) from conflict

    def note(state: tenacity.RetryCallState) -> None:
        nonlocal retries
        retries = state.attempt_number

    again = tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(patience.attempts),
        retry=tenacity.retry_if_exception_type(_Overtaken),
        wait=tenacity.wait_random_exponential(multiplier=patience.first, max=patience.longest),
        sleep=clocks.sleep,
        after=note,
        reraise=True,
    )
    try:
        return await again(once)
    except _Overtaken as overtaken:
        found = await read()
        who = f" by {found.by}" if found.by else ""
        raise ConflictError(
            f"changed{who} again and again while we wrote ({patience.attempts} attempts): {overtaken}",
            found,
            "look at what is there now, then hand the request in once more",
            retries=patience.attempts - 1,
        ) from overtaken


class _Overtaken(ConflictError):
    """Somebody wrote between our read and our write: read again."""
