"""What would be done about a request, and what was done: plain values between a kind's rules and the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from handlers.requests.words import Request
from processor.clients.genesys.jobs import Write
from processor.event import Publishable

R_contra = TypeVar("R_contra", bound=Request, contravariant=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """`before` and `after` in the request's own words; `calls` are the exact calls, none when it is so already.

    `facts`: what the difference means (capacity impact, constraints, comparison with real volume).
    `creates`: the far side cannot make it conditional, so the log is told before it is tried.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    calls: Sequence[Write] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    creates: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What stands now. `error` says why `status` is not `done`.

    `done`: all of it. `failed`: a part of it stands. `conflict`: others were faster each time and
    nothing of it stands; `before` and `after` are what they made of it.

    `look`: what to ask Genesys for afterwards, so that the clean topics show it (the look-here's `what`).
    `publish`: further records, such as Genesys's answer as a delivery for `genesys.raw`.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    status: str = "done"
    error: str | None = None
    conflict_retries: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    look: Sequence[str] = ()
    publish: Sequence[Publishable] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """How a request ended, for the words of its audit: `status` as in the outcome."""

    id: str
    at: datetime
    status: str
    latency_ms: float = 0
    conflict_retries: int = 0
    error: str | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class Configure(Protocol[R_contra]):
    """The rules of one kind. Errors pass by remedy; nothing is caught here that the door turns into an outcome.

    RefusedError → `refused`, ConflictError → `conflict` (its `found` is shown), RetryableError →
    again later, PoisonError → `refused` as not valid.
    """

    async def plan(self, request: R_contra, /) -> Plan:
        """Read what is there, check everything, work out the calls. Writes nothing."""
        ...

    async def present(self, request: R_contra, /) -> Mapping[str, Any]:
        """What is there now of all that it is about, in the words of `Plan.after`. Judges nothing."""
        ...

    async def carry_out(self, request: R_contra, plan: Plan, /, *, started: bool) -> Result:
        """Make it so, conditionally. `started`: an earlier try may have created it: search for it and adopt it.

        Raises `UnknownEnd` when it was started and cannot be searched for.
        """
        ...

    def audit(self, request: R_contra, story: Story, /) -> Mapping[str, Any]:
        """The guide's own audit entry, for failures and refusals too."""
        ...

    def reverse(self, request: R_contra, before: Mapping[str, Any], after: Mapping[str, Any], /) -> Mapping[str, Any]:
        """The fields of the request that takes an outcome back. Raises `RefusedError` when nothing can."""
        ...
