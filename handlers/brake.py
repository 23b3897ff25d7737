"""The loop's brake: what people asked of it, and what the adjuster met in Genesys. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from handlers.events import Decision, FreezeRequested, PoolUpdated
from handlers.give_back import back, let_go
from handlers.situation import KnownQueue, Memory, Move
from processor.event import instant

FREEZE, RESUME = "queue-freeze", "queue-resume"
STAND_BACK, REFUSED, NOT_DONE = "queue-stand-back", "queue-refused", "queue-not-done"
OF_THE_ADJUSTER = (STAND_BACK, REFUSED, NOT_DONE)
"""It met a person's change; Genesys did not take its change; people or the settings were against it by then."""


@dataclass(frozen=True, slots=True)
class Brakes:
    """The last word of people about a queue, and the adjuster's last ones by kind and medium: none hides another."""

    people: FreezeRequested | None = None
    met: Mapping[str, FreezeRequested] = field(default_factory=dict)

    @property
    def frozen_by(self) -> str | None:
        """Who froze the queue, if the last word was to freeze it."""
        if self.people is None or self.people.kind != FREEZE:
            return None
        return self.people.by or "somebody"

    @property
    def leaves_as_it_is(self) -> str | None:
        """Who froze the queue without asking for its baseline."""
        return None if self.people is None or self.people.restore else self.frozen_by

    def unminded(self, memory: Memory) -> Iterator[FreezeRequested]:
        """What no decision has answered yet."""
        for request in (*self.met.values(), self.people):
            if request is not None and request.id not in memory.minded:
                yield request

    def minding(self, memory: Memory, request: FreezeRequested) -> Memory:
        """With this one answered; what no word stands for any more need not be remembered."""
        words = {one.id for one in (*self.met.values(), self.people) if one is not None}
        kept = (one for one in memory.minded if one in words and one != request.id)
        return replace(memory, minded=(*kept, request.id))


def brakes(known: Brakes | None, request: FreezeRequested) -> Brakes:
    """The fold of `genesys.requests` that the loop keeps."""
    known = known or Brakes()
    if request.kind in OF_THE_ADJUSTER:
        return replace(known, met={**known.met, f"{request.kind}/{request.media_type}": request})
    return replace(known, people=request)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and what is known when it is answered. `memory` minds it already; `clock` is the events'.

    `held`: what of ours is in Genesys. `left_in`: members of ours who are in the queue, as it is `known`,
    though nothing stands.
    """

    request: FreezeRequested
    last: Decision | None
    memory: Memory
    clock: datetime
    known: KnownQueue | None = None
    held: PoolUpdated | None = None
    left_in: Sequence[str] = ()


def answer(asked: Asked) -> Iterator[tuple[str, str | None, Move]]:
    """(id, medium, move) of each decision that answers a request, in order; none for one that came too late."""
    if asked.request.kind == STAND_BACK:
        yield from _stand_back(asked)
    elif asked.request.kind in OF_THE_ADJUSTER:
        yield from _not_done(asked)
    else:
        yield from _people(asked)


def _people(asked: Asked) -> Iterator[tuple[str, str | None, Move]]:
    request, memory = asked.request, asked.memory
    if request.restore:
        for medium, move in _given_back(asked):
            memory = move.memory
            yield f"{request.id}/restore/{medium}", medium, move
    if request.kind == FREEZE:
        frozen = {"by": request.by, "at": instant(request.time), "reason": request.reason}
        yield request.id, None, Move("frozen", _said(request), replace(memory, frozen=frozen))
    else:
        told = {about: at for about, at in memory.told.items() if not about.endswith(":refused")}
        memory = replace(memory, frozen={}, stood_back={}, told=told)
        yield request.id, None, Move("resumed", _said(request), memory)


def _given_back(asked: Asked) -> Iterator[tuple[str, Move]]:
    memory, said = asked.memory, _said(asked.request)
    for medium, standing in (asked.last.standing if asked.last else {}).items():
        ours = asked.held.joined if asked.held and medium in asked.held.standing else None
        move = back(standing, medium, memory, asked.clock, said, joined=ours)
        memory = move.memory
        yield medium, move
    if asked.left_in and asked.known:
        for medium, level in asked.known.queue.media_types.items():
            if level.service_level_seconds is not None:
                yield medium, let_go(memory, medium, level.service_level_seconds, asked.left_in, asked.clock)
                break  # members serve all media: they leave once


def _stand_back(asked: Asked) -> Iterator[tuple[str, str | None, Move]]:
    request, memory, medium = asked.request, asked.memory, asked.request.media_type
    if medium is None or asked.last is None or not _is_about_the_present(asked.last, request, medium):
        return
    standing = asked.last.standing.get(medium)
    memory = replace(memory, stood_back={**memory.stood_back, medium: instant(asked.clock)})
    expected = standing.target if standing else {}
    yield request.id, medium, Move("stand-back", request.reason, memory, expected=expected)


def _not_done(asked: Asked) -> Iterator[tuple[str, str | None, Move]]:
    """What stands is what was carried out. What Genesys refused is not tried again at once."""
    request, memory, medium = asked.request, asked.memory, asked.request.media_type
    if medium is None or asked.last is None or not _is_about_the_present(asked.last, request, medium):
        return
    stands = asked.held.standing.get(medium) if asked.held else None
    about = request.kind.removeprefix("queue-")
    if request.kind == REFUSED:
        memory = replace(memory, told={**memory.told, f"{medium}:refused": instant(asked.clock)})
    step, baseline = (stands.step, stands.baseline) if stands else (0, {})
    move = Move("suggest", request.reason, memory, about, step=step, baseline=baseline, target=baseline, stands=stands)
    yield request.id, medium, move


def _is_about_the_present(last: Decision, request: FreezeRequested, medium: str) -> bool:
    """Whether no later decision about the medium has made the one that was not done a matter of the past."""
    standing, memory = last.standing.get(medium), Memory.of(last)
    if not request.restore or standing:
        return standing is not None and standing.decision_id == request.decision_id
    restored = memory.restored.get(medium, "")
    return bool(restored) and medium not in memory.stood_back and request.time >= datetime.fromisoformat(restored)


def _said(request: FreezeRequested) -> str:
    word = "frozen" if request.kind == FREEZE else "resumed"
    said = f"{word} by {request.by or 'somebody'} at {instant(request.time)}"
    return f"{said}: {request.reason}" if request.reason else said
