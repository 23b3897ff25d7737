"""An agent's presence and the status of his skills: read, changed on condition, and told to whoever listens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from processor.clients.api import NotFound, Time
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.changing import Patience, change
from processor.errors import ConflictError

RETRIES = 3
"""G5, step 2: so often a presence that somebody else changed meanwhile is read and written again."""
PATIENCE = Patience(attempts=RETRIES + 1)
UNKNOWN = "unknown"
SOURCE = "presence-manager-api"
"""G5, step 3: who an exported event says that it is from."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A presence that agents can be set to. `id`: what the call says. `system`: its system presence, as spelled there.

    `name`: what a request may call it: the word where there is one, else the id.
    """

    id: str
    system: str
    name: str


@dataclass(frozen=True, slots=True)
class State:
    """What an agent is in. `name` as a request may say it; `system` empty where nobody says.

    `since`: when he was set to it, as it was told. `asked`: Genesys's clock when the question left.
    `answer`: the body of `answer.presence` for raw, None where no system presence is named.
    """

    user_id: str
    name: str
    system: str
    message: str
    since: str | None
    etag: str | None
    asked: datetime
    answer: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Changed:
    """From what to what. Not `written`: it was so already."""

    before: State
    after: State
    written: bool
    conflict_retries: int


class Overtaken(ConflictError):
    """Others were faster each time. `found` is the `State` that is there now."""


@dataclass(frozen=True, slots=True)
class Override:
    """The status that one skill of the agent shall have."""

    skill_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Overriding:
    """`before`: the status that the skill has, None where that cannot be read. `write` None: it is so already.

    `after`: the wanted status, spelled as `before` will be when it is read again.
    """

    before: str | None
    after: str
    write: Write | None


@dataclass(frozen=True, slots=True)
class Duty:
    """When an agent is to work, around a moment. `zone`: of where he belongs, empty where nobody says."""

    zone: str = ""
    shifts: tuple[tuple[datetime, datetime], ...] = ()

    def shift(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """The shift that is on; its first and its last instant belong to it."""
        return next((shift for shift in self.shifts if shift[0] <= moment <= shift[1]), None)


@dataclass(frozen=True, slots=True)
class Export:
    """What a stream is told: which agent, which presence, when in UTC, under which ETag."""

    user_id: str
    name: str
    at: str
    etag: str | None

    def event(self) -> dict[str, Any]:
        """In G5's shape; told twice it is the same event."""
        told = {"userId": self.user_id, "presenceId": self.name, "etag": self.etag, "normalizedAt": self.at}
        return {"eventType": "presence.update", "source": SOURCE, "timestamp": self.at, "data": told}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`message` None: whatever is there stays."""

    definition: Definition
    message: str | None = None

    def is_so(self, state: State) -> bool:
        """Whether nothing needs to be written."""
        return same_word(self.definition.name, state.name) and self.message in (None, state.message)


Admit = Callable[[State], None]
"""Raises what forbids the change, judged by what is there now; asked again after every look."""


class Presences(Protocol):
    """The job of the presence guide. Raises `NotFound` for an agent who is not there."""

    @property
    def streams(self) -> bool:
        """Whether there are event streams that can be told of a change."""
        ...

    async def organisation(self) -> str:
        """The id that stands in the source of what goes into raw; `unknown` where we may not ask."""
        ...

    async def definition(self, said: str) -> Definition:
        """What a word or an id means here. Raises `RefusedError` that says what there is."""
        ...

    async def get(self, user_id: str) -> State:
        """What the agent is in now."""
        ...

    def write(self, state: State, wanted: Wanted) -> Write:
        """The call that sets it."""
        ...

    async def set(self, user_id: str, wanted: Wanted, admit: Admit) -> Changed:
        """Set it once, whatever happens on the way. Raises `Overtaken` when others are faster each time."""
        ...

    async def duty(self, user_id: str, around: datetime) -> Duty:
        """His shifts and his zone."""
        ...

    async def overriding(self, user_id: str, override: Override) -> Overriding:
        """What is there, and the call. Raises `RefusedError` for what cannot be."""
        ...

    async def override(self, user_id: str, override: Override) -> int:
        """Carry it out; returns how often somebody else was faster."""
        ...

    def export(self, stream_id: str, export: Export) -> Write:
        """The call that tells a stream. Raises `RefusedError` where there are no streams."""
        ...

    async def send(self, export: Write) -> None:
        """Tell it."""
        ...


async def change_presence(
    *,
    read: Callable[[], Awaitable[Found]],
    state_of: Callable[[Found], State],
    write: Callable[[State, Wanted], Write],
    send: Callable[[Write], Awaitable[Found]],
    wanted: Wanted,
    admit: Admit,
    clocks: Time,
) -> Changed:
    """What `Presences.set` promises, over one dialect's calls."""

    def merge(found: Found) -> Write | None:
        state = state_of(found)
        admit(state)
        return None if wanted.is_so(state) else write(state, wanted)

    try:
        done = await change(read, merge, send, clocks, PATIENCE)
    except ConflictError as conflict:
        if isinstance(conflict.found, Found):
            raise Overtaken(str(conflict), state_of(conflict.found), conflict.remedy) from conflict
        raise
    return Changed(state_of(done.before), state_of(done.after), done.write is not None, done.conflict_retries)


def absent(user_id: str, missing: NotFound) -> NotFound:
    """Of an agent who is asked for and not there."""
    return missing.named("userId", f"there is no agent {user_id}", "the id of a user of the organisation")


def same_word(one: str, other: str) -> bool:
    """`On Queue`, `ON_QUEUE` and `OnQueue` are one word."""
    return letters(one) == letters(other)


def letters(word: str) -> str:
    """What is compared of a spelling."""
    return "".join(filter(str.isalnum, word)).casefold()
