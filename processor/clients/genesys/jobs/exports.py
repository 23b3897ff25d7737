"""Event exports: what Genesys noted of changes, read on from where one stopped. The official API has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What shall be exported, and the bucket that Genesys wants to be told."""

    name: str
    kind: str
    endpoint: str
    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Exported:
    """One noted event as it came; `id` is what reading goes on after."""

    id: str
    body: Mapping[str, Any]


class Exports(Protocol):
    """The job."""

    async def find(self, name: str, /) -> str | None:
        """The id of the export with this name; None when there is none, or nobody tells."""
        ...

    async def create(self, order: ExportOrder, /) -> str:
        """Its id."""
        ...

    async def after(self, export_id: str, last: str | None, limit: int, /) -> Sequence[Exported] | None:
        """At most `limit` events after that one, oldest first; None when there is no such export any more."""
        ...
