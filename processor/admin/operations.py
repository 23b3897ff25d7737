"""What the operations API asks of the product; `processor/app` answers it. Everything returned is JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Json = Mapping[str, Any]


class Operations(Protocol):
    """Raises by remedy: PoisonError → 422 naming the field, RefusedError → 409, RetryableError → 503."""

    async def overview(self) -> Json:
        """What the console shows, read at this moment, quickly.

        `{"at", "log", "loop": {"mode", "queues", "offeredAbove", "serviceLevelBelow"}, "off": [sentence],
        "down": [name of a far side], "counts": {"received", "published", "decisions", "effects", "deadLetters"},
        "topics": [{"topic", "records"}],
        "groups": [{"group", "topic", "lag", "waiting", "error", "done", "parked", "lagSeconds", "stuckSeconds"}],
        "decisions": [the last, newest first: {"time", "queueId", "name", "mediaType", "action", "about", "reason",
        "seen"}], "outcomes": [{"time", "subject", "kind", "status", "error", "latencyMs"}], "requests": [{"time", "id",
        "kind", "subject", "by", "status"}]}`; what is missing is shown as unknown. `lag` is null until the
        group has measured it, `error` unless something waits: then why the last attempt failed.
        """
        ...

    async def queues(self) -> Sequence[Json]:
        """Every queue: its targets, its last hour, and what the loop did.

        `{"queueId", "name", "deleted", "mediaTypes", "standing", "givingBack": [medium], "joinedByLoop",
        "lastHour": {medium: {"offered", "serviceLevel", …}}, "frozen", "last"}`
        """
        ...

    async def freeze(self, queue_id: str, *, reason: str, by: str, restore: bool) -> Json | None:
        """The loop leaves it alone within a second; `restore` puts its baseline back. `{"id"}` of the request.

        None when no queue is known under it and it cannot be an id of Genesys's either.
        """
        ...

    async def resume(self, queue_id: str, *, reason: str, by: str, restore: bool) -> Json | None:
        """The loop minds it again; `{"id"}` of the request, None likewise."""
        ...

    async def request(
        self, kind: str, fields: Json, *, by: str, key: str | None = None, trace: str = ""
    ) -> Json | None:
        """Hand in a change request: `{"id", …}`. None when there is no such kind.

        `key`: the id that the caller chose, so that he may repeat it; another request under it is refused.
        `trace`: the `traceparent` that came with it.
        """
        ...

    async def outcome(self, request_id: str) -> Json | None:
        """What has become of a request (`status` `pending` at first); None when it is unknown."""
        ...

    async def event(self, event_id: str, subject: str | None) -> Json:
        """Where is my event? Its fate, every record it caused, every effect, and how far we looked."""
        ...

    async def dead_letters(self) -> Sequence[Json]:
        """The newest first: `{"id", "group", "topic", "key", "type", "reason", "field", "error", "time", "state"}`.

        `state`: parked, waiting (its replay was asked for), or done; also `attempts` and `replayed`.
        """
        ...

    async def replay(self, dead_letter_id: str) -> Json | None:
        """Do it again: `{"id", "replayed"}`. None when there is no such dead letter."""
        ...
