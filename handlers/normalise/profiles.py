"""The guide's exported routing profile events → what a profile holds now, under the vendor's own names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from handlers.events import ProfileUpdated
from handlers.normalise.reading import Candidate, Context, Data, Reading
from handlers.normalise.words import happened, identifier, version
from processor.errors import PoisonError
from processor.event import Fence, Raw, Written, blank

PROFILE = "profile"
NAME = "profile/name"
CONTENT = ("skillAssignments", "wrapUpCodes", "overflowRoutingTargets", "utilizationPercent")


def read(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """G3's profile, whole, or `changes` of one; `{deleted: true}` when it was asked for and is gone.

    Its own `dateModified` says when it became so, where it has one: an answer is as late as its
    question, and clocks differ. A version never gives way to an earlier one, whatever the times say.
    """
    if not raw.subject.startswith("profile/"):
        raise PoisonError("a routing profile without its id", "profileId")
    changes = body.get("changes")
    told = changes if isinstance(changes, dict) else {name: body[name] for name in CONTENT if name in body}
    number = version(body.get("version"))
    fence = Fence(happened(body.get("dateModified"), raw), number, raw.id)
    facets = [PROFILE, *(_facet(name) for name in CONTENT if name in told), *([NAME] if body.get("name") else [])]

    def merge(previous: Written | None, news: Collection[str]) -> Data | None:
        there = previous if previous and not previous.data["deleted"] else None
        latest = PROFILE in news
        if not latest and not there:
            return None  # it was told before the profile was gone
        if there and latest and 0 < number < there.fences[PROFILE].version:
            return None
        known = there.data if there else {}
        if body.get("deleted") is True:
            return {**known, "deleted": True} if known else None
        fresh = {name: value for name, value in told.items() if _facet(name) in news}
        return {
            **blank(ProfileUpdated),
            "profileId": raw.subject.removeprefix("profile/"),
            "name": str(body["name"]) if NAME in news else known.get("name", ""),
            "changes": {**known.get("changes", {}), **fresh},
            "version": identifier(body.get("version")) or None if latest else known["version"],
        }

    candidate = Candidate(ProfileUpdated, raw.subject, dict.fromkeys(facets, fence), merge)
    return Reading((candidate,), ignored="an earlier version than the one that is known" if number else "")


def _facet(name: str) -> str:
    """Each part that we know is a facet: what was changed apart may be told in any order. Others go with the whole."""
    return f"{PROFILE}/{name}" if name in CONTENT else PROFILE
