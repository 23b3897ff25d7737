"""The rooms of the guide dialect, each with the operations of one guide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.floor import Floor
from sandbox.genesys.guard import Route
from sandbox.guide.hub import Hub
from sandbox.options import Options
from sandbox.world import World

Json = dict[str, Any]


class Rooms:
    """All of them, for tests that look inside; `routes` is what is served."""

    def __init__(self, options: Options, world: World, floor: Floor) -> None:
        self.hub = Hub()

    def routes(self) -> Iterator[Route]:
        """Every operation."""
        yield from ()
