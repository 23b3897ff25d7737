"""May we do what we are set up to do? Needed, held and missing, for each part of the product that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from processor.app.farsides import organisation_access
from processor.clients.genesys.permissions import GUIDE, PLATFORM, Need, covers, granted, scopes_in
from processor.settings import Settings


@dataclass(frozen=True, slots=True)
class Right:
    """One part. `held` None: Genesys does not say what these credentials may do."""

    job: str
    needed: tuple[Need, ...]
    held: tuple[Need, ...] | None
    demanded: bool
    """Whether the settings ask for this part by name; others are there for whoever uses them."""

    @property
    def missing(self) -> tuple[Need, ...]:
        """What a person must still grant."""
        return () if self.held is None else tuple(need for need in self.needed if need not in self.held)

    def said(self) -> str:
        """One line."""
        if self.held is None:
            return f"{self.job}: needs {_listed(self.needed)}; Genesys does not say which are held"
        if not self.missing:
            return f"{self.job}: needs and holds {_listed(self.needed)}"
        held = f"; held: {_listed(self.held)}" if self.held else ""
        return f"{self.job}: needs {_listed(self.needed)}{held}; missing: {_listed(self.missing)}"


def _listed(needs: tuple[Need, ...]) -> str:
    return ", ".join(" or ".join(need) for need in needs)


def parts(settings: Settings) -> Iterator[tuple[str, bool]]:
    """(part, whether it is asked for by name)."""
    yield from (("look-up", True), ("volume", True))
    yield "loop", settings.loop_mode == "act"  # whatever the mode: it gives back what it had changed
    if settings.public_url:
        yield "register", False  # EventBridge and channels need no such permission
    for kind in ("schedule", "campaign-schedule", "routing-profile", "queue-routing", "presence"):
        yield kind, False


async def rights(settings: Settings, now: Callable[[], datetime]) -> list[Right]:
    """Asked of Genesys now. Raises as the far side does, `SettingsError` without credentials."""
    async with organisation_access(settings, now) as (api, token):
        if settings.genesys_dialect == "guide":
            table = GUIDE
            authorization = (await token.headers())["Authorization"]
            held = token.scopes if token.scopes is not None else scopes_in(authorization)
        else:
            table, held = PLATFORM, await granted(api)
    return [
        Right(job, table[job], None if held is None else tuple(n for n in table[job] if covers(held, n)), demanded)
        for job, demanded in parts(settings)
    ]
