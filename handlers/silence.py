"""A queue with something of ours on it, of which we hear nothing: nobody would see it recover. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.events import Decision, Standing
from handlers.give_back import back, let_go
from handlers.policy import Rule, Window
from handlers.situation import KnownQueue, Memory, Move
from processor.event import instant


@dataclass(frozen=True, slots=True)
class Quiet:
    """What is known of the queue when it is looked at.

    `since`: when we began to listen. `acts_on`: the media that the loop may act on. `joined`: whom of ours the
    adjuster put in, where it has put something. `left_in`: members of ours who nothing that stands has to do with.
    `reaches`: whether anybody could give something back.
    """

    last: Decision
    rule: Rule
    window: Window
    known: KnownQueue | None
    since: datetime | None
    acts_on: Sequence[str]
    joined: Mapping[str, Sequence[str]]
    left_in: Sequence[str]
    reaches: bool

    def moves(self, now: datetime) -> Iterator[tuple[str, str, Move]]:
        """(id, medium, move) for each medium that was silent too long: people are told, or it is given back."""
        memory = Memory.of(self.last)
        if memory.frozen:
            return
        for medium, standing in self.last.standing.items():
            heard = self._heard([medium])
            move = self._move(medium, standing, memory, heard, now) if now - heard >= self.rule.silence else None
            if move:
                memory = move.memory
                yield f"{standing.decision_id}/silence/{medium}/{instant(now)}", medium, move
        if self.left_in and not self.acts_on and now - self._heard(self.window) >= self.rule.silence:
            yield from self._released(memory, now)

    def _heard(self, media: Iterable[str]) -> datetime:
        """When volume last came of these media; what only says who waits is none."""
        records = [record for medium in media for record in self.window.get(medium, ()) if record.offered is not None]
        times = [record.received_at or record.time for record in records]
        return max([*(times or [self.last.received_at or self.last.time]), *([self.since] if self.since else [])])

    def _move(self, medium: str, standing: Standing, memory: Memory, heard: datetime, now: datetime) -> Move | None:
        if self.known is None or self.known.queue.deleted:
            reason = "Genesys has the queue no longer, though it is adjusted: there is nothing to give back"
            told = f"{medium}:gone" in memory.told
            return None if told else _suggest(standing, reason, _tell(memory, medium, "gone", now), "gone")
        if medium not in self.acts_on and self.reaches:
            reason = f"no volume since {instant(heard)}, and the loop no longer acts here: the baseline is put back"
            return back(standing, medium, memory, now, reason, joined=self.joined.get(medium))
        if not memory.due(f"{medium}:silence", now, self.rule.remind_after):
            return None
        reason = f"no volume since {instant(heard)} while the queue is adjusted"
        return _suggest(standing, reason, _tell(memory, medium, "silence", now), "silence")

    def _released(self, memory: Memory, now: datetime) -> Iterator[tuple[str, str, Move]]:
        """Members serve all media: they leave once."""
        levels = self.known.queue.media_types if self.known and not self.known.queue.deleted else {}
        for medium, level in levels.items():
            if level.service_level_seconds is not None:
                move = let_go(memory, medium, level.service_level_seconds, self.left_in, now)
                yield f"{self.last.id}/silence/{instant(now)}", medium, move
                return


def _tell(memory: Memory, medium: str, about: str, now: datetime) -> Memory:
    return replace(memory, told={**memory.told, f"{medium}:{about}": instant(now)})


def _suggest(standing: Standing, reason: str, memory: Memory, about: str) -> Move:
    baseline = standing.baseline
    return Move("suggest", reason, memory, about, step=standing.step, baseline=baseline, stands=standing)
