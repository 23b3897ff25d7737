"""Which parts of the product one process runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum

import handlers
from processor.routing import Group


class Role(StrEnum):
    """`all` is every other one."""

    ALL = "all"
    RECEIVE = "receive"
    NORMALISE = "normalise"
    LOOK_UP = "look-up"
    SYNC = "sync"
    LOOP = "loop"
    REQUESTS = "requests"


def groups(
    roles: Iterable[Role], policy: handlers.Policy, far: handlers.FarSides, now: Callable[[], datetime]
) -> list[Group]:
    """The consumer groups of these roles; a far side that is not configured has none."""
    chosen = set(roles)
    everything = Role.ALL in chosen
    found: list[Group] = []
    if everything or Role.NORMALISE in chosen:
        found += handlers.normalise(policy, now)
    if far.genesys and (everything or Role.LOOK_UP in chosen):
        found += handlers.look_up(policy, far.genesys, now, far.jobs.exports if far.jobs else None)
    if everything or Role.SYNC in chosen:
        found += handlers.sync(far, now)
    if everything or Role.LOOP in chosen:
        found += handlers.loop(policy, far, now)
    if everything or Role.REQUESTS in chosen:
        found += handlers.requests(policy, far, now)
    return found
