"""The guide's exported routing profile events → what a profile holds now, under the vendor's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.events import ProfileUpdated
from handlers.normalise.reading import Candidate, Context, Reading
from handlers.normalise.words import identifier
from processor.errors import PoisonError
from processor.event import Envelope, Fence

PROFILE = "profile"
CONTENT = ("skillAssignments", "wrapUpCodes", "overflowRoutingTargets", "utilizationPercent")


def read(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """G3's profile, whole, or `changes` of one."""
    if not envelope.subject.startswith("profile/"):
        raise PoisonError("a routing profile without its id", "profileId")
    changes = body.get("changes")
    told = changes if isinstance(changes, dict) else {name: body[name] for name in CONTENT if name in body}
    version = body.get("version")
    number = version if isinstance(version, int) and 0 <= version < 2**63 else 0
    fence = Fence(time=envelope.time, version=number, id=envelope.id)

    def merge(previous: ProfileUpdated | None, _: frozenset[str]) -> ProfileUpdated:
        return ProfileUpdated(
            id=envelope.id,
            time=envelope.time,
            subject=envelope.subject,
            profile_id=envelope.subject.removeprefix("profile/"),
            name=str(body.get("name") or (previous.name if previous else "")),
            changes={**(previous.changes if previous else {}), **told},
            version=identifier(version) or None,
        )

    return Reading((Candidate(ProfileUpdated, envelope.subject, {PROFILE: fence}, merge),))
