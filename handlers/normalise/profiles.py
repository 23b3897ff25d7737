"""The guide's exported routing profile events → what a profile holds now, under the vendor's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.events import ProfileUpdated
from handlers.normalise.reading import Candidate, Context, Reading
from handlers.normalise.words import identifier
from processor.errors import PoisonError
from processor.event import Envelope, Fence
from processor.shapes import renewed

PROFILE = "profile"
CONTENT = ("skillAssignments", "wrapUpCodes", "overflowRoutingTargets", "utilizationPercent")


def read(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """G3's profile, whole, or `changes` of one; `{deleted: true}` when it was asked for and is gone."""
    if not envelope.subject.startswith("profile/"):
        raise PoisonError("a routing profile without its id", "profileId")
    changes = body.get("changes")
    told = changes if isinstance(changes, dict) else {name: body[name] for name in CONTENT if name in body}
    version = body.get("version")
    number = version if isinstance(version, int) and 0 <= version < 2**63 else 0
    fence = Fence(time=envelope.time, version=number, id=envelope.id)

    def merge(previous: ProfileUpdated | None, _: frozenset[str]) -> ProfileUpdated | None:
        known = previous if previous and not previous.deleted else None
        if body.get("deleted") is True:
            return renewed(known, {"deleted": True}) if known else None
        return ProfileUpdated(
            id=envelope.id,
            time=envelope.time,
            subject=envelope.subject,
            profile_id=envelope.subject.removeprefix("profile/"),
            name=str(body.get("name") or (known.name if known else "")),
            changes={**(known.changes if known else {}), **told},
            version=identifier(version) or None,
        )

    return Reading((Candidate(ProfileUpdated, envelope.subject, {PROFILE: fence}, merge),))
