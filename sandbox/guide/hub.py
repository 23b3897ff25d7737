"""What changed, told to whoever asked to be called: between the rooms that change things and the webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Listener = Callable[[str, str, Json], None]
"""(event, entity id, the resource as it is now)."""


class Hub:
    """Rooms announce, in the order of their changes; listeners only take note and return."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []

    def announce(self, event: str, entity_id: str, resource: Json) -> None:
        """`schedule:updated`, `routingQueueUpdated`, …: the guides' own names."""
        for listener in self.listeners:
            listener(event, entity_id, resource)
