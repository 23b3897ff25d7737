"""The loop's brake: what people (and the adjuster that met them) asked of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.decide import KnownQueue, Memory, Move, release
from handlers.events import Decision, FreezeRequested
from processor.event import instant

FREEZE, RESUME, STAND_BACK = "queue-freeze", "queue-resume", "queue-stand-back"


@dataclass(frozen=True, slots=True)
class Brakes:
    """The last word of people about a queue, and the last conflict that the adjuster met: neither hides the other."""

    people: FreezeRequested | None = None
    conflict: FreezeRequested | None = None

    @property
    def frozen_by(self) -> str | None:
        """Who froze the queue, if the last word was to freeze it."""
        if self.people is None or self.people.kind != FREEZE:
            return None
        return self.people.by or "somebody"

    def unminded(self, memory: Memory) -> Iterator[FreezeRequested]:
        """What no decision has answered yet."""
        for request in (self.conflict, self.people):
            if request is not None and request.id not in memory.minded:
                yield request


def brakes(known: Brakes | None, request: FreezeRequested) -> Brakes:
    """The fold of `genesys.requests` that the loop keeps."""
    if request.kind == STAND_BACK:
        return replace(known or Brakes(), conflict=request)
    return replace(known or Brakes(), people=request)


def answer(
    request: FreezeRequested,
    last: Decision | None,
    clock: datetime,
    known: KnownQueue | None = None,
    left_in: Sequence[str] = (),
) -> Iterator[tuple[str, str | None, Move]]:
    """(id, medium, move) of each decision that answers a request, in order; `clock` is the events'.

    `left_in`: members of ours who are in the queue, as it is `known`, though nothing stands.
    """
    memory = Memory.of(last)
    kept = tuple(one for one in memory.minded if one != request.id)[-1:]
    memory = replace(memory, minded=(*kept, request.id))
    if request.kind == STAND_BACK:
        yield from _stand_back(request, last, memory, clock)
        return
    if request.restore and last:
        for medium, standing in last.standing.items():
            memory = replace(memory, restored={**memory.restored, medium: instant(clock)})
            back = standing.baseline
            move = Move("restore", _said(request), memory, baseline=back, target=back, expected=standing.target)
            yield f"{request.id}/restore/{medium}", medium, move
    if request.restore and left_in and known:
        for medium, level in known.queue.media_types.items():
            if level.service_level_seconds is not None:
                move = release(memory, medium, level.service_level_seconds, left_in, clock)
                memory = move.memory
                yield f"{request.id}/restore/{medium}", medium, move
                break  # members serve all media: they leave once
    if request.kind == FREEZE:
        frozen = {"by": request.by, "at": instant(request.time), "reason": request.reason}
        yield request.id, None, Move("frozen", _said(request), replace(memory, frozen=frozen))
    else:
        yield request.id, None, Move("resumed", _said(request), replace(memory, frozen={}, stood_back={}))


def _stand_back(
    request: FreezeRequested, last: Decision | None, memory: Memory, clock: datetime
) -> Iterator[tuple[str, str | None, Move]]:
    media = list(last.standing) if last else []
    memory = replace(memory, stood_back={**memory.stood_back, **dict.fromkeys(media, instant(clock))})
    expected = next((standing.target for standing in last.standing.values()), {}) if last else {}
    move = Move("stand-back", request.reason, memory, expected=expected)
    if len(media) <= 1:
        yield request.id, next(iter(media), None), move
        return
    for number, medium in enumerate(media, 1):
        yield f"{request.id}/{number}", medium, move


def _said(request: FreezeRequested) -> str:
    word = "frozen" if request.kind == FREEZE else "resumed"
    said = f"{word} by {request.by or 'somebody'} at {instant(request.time)}"
    return f"{said}: {request.reason}" if request.reason else said
