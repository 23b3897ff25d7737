"""What people want changed in Genesys, in words that both dialects share: one file for each job.

A job reads the resource with what guards its next write, works out the exact call, and sends it;
`changing.py` does the three under other people's hands. `platform/` and `guide/` implement them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # each of these rooms needs the words below
    from processor.clients.genesys.jobs.campaigns import Campaigns
    from processor.clients.genesys.jobs.exports import Exports
    from processor.clients.genesys.jobs.presence import Presences
    from processor.clients.genesys.jobs.profiles import Profiles
    from processor.clients.genesys.jobs.queues import Queues
    from processor.clients.genesys.jobs.schedules import Schedules


@dataclass(frozen=True, slots=True)
class Found:
    """A resource as it is. `guard`: the ETag, version or dateModified that its next write is conditional on.

    `by`: who changed it last, where Genesys says so. `asked`: Genesys's clock when the question left.
    """

    body: Mapping[str, Any]
    guard: str
    asked: datetime
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """The exact call: what `--dry-run` shows is what is sent. Credentials are added by the client."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Jobs:
    """What can be asked of this organisation, in its dialect."""

    campaigns: Campaigns
    queues: Queues
    schedules: Schedules
    profiles: Profiles
    presences: Presences
    exports: Exports | None
    """None: the official API has no event exports."""
