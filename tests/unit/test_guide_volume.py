"""The guides' volume: which target an answer was measured by, when we change that target meanwhile."""

from __future__ import annotations

from aiohttp import web

from processor.clients.genesys.guide.volume import Volumes
from tests.unit.farside import Asked, Clock, api_to, said


async def test_a_change_of_ours_while_the_target_is_read_is_not_taken_for_read() -> None:
    clock, targets = Clock(), [60, 45, 45]

    def answer(asked: Asked) -> web.Response:
        if asked.method == "POST":
            return said(body={"summary": {"total": {}}})
        target = targets.pop(0)
        if target == 60:
            volumes.changed("q")  # the edge shows it from now on
        return said(body={"slaTarget": target, "queueType": "email"})

    async with api_to(answer, clock=clock) as (api, _):
        volumes = Volumes(api, clock.time())
        volumes.changed("q")
        shown = [(await volumes.get(["q"]))[0].body["target"] for _ in range(3)]
    assert shown == [60, 45, 45]
    assert targets == [45], "and what is known is not asked for again"
