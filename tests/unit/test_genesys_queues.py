from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from aiohttp import web

from processor.clients.genesys import QueueChange, QueueState
from processor.clients.genesys.platform.queues import with_target
from processor.errors import ConflictError, FarSideDown, RefusedError, RetryableError
from tests.unit.farside import Asked, said
from tests.unit.genesys_fake import Work, platform

TIGHTER = QueueChange("q1", "email", 45, expected_seconds=(60,), join=("u1", "u2"), tightened=True)
BACK = QueueChange("q1", "email", 60, expected_seconds=(45,), leave=("u1", "u2"))


class Queue:
    """One queue with its members, last writer wins; remembers what was written."""

    def __init__(self, seconds: float = 60) -> None:
        self.body: dict[str, Any] = {
            "id": "q1",
            "name": "Email Support",
            "division": {"id": "d1"},
            "dateModified": "2026-03-09T12:00:00.000Z",
            "modifiedBy": "ana",
            "memberCount": 3,
            "selfUri": "/api/v2/routing/queues/q1",
            "mediaSettings": {
                "email": {
                    "alertingTimeoutSeconds": 300,
                    "serviceLevel": {"percentage": 0.8, "durationMs": seconds * 1000},
                },
                "call": {"serviceLevel": {"percentage": 0.8, "durationMs": 20000}},
                "callback": {"mode": ""},
            },
            "somethingNew": {"kept": True},
        }
        self.members = {"u1": False, "u9": True}
        self.writes: list[tuple[str, Any]] = []
        self.collisions = 0

    def routes(self) -> dict[str, Work]:
        one = "/api/v2/routing/queues/q1"
        return {
            f"GET {one}": lambda _: self.body,
            f"PUT {one}": self.put,
            f"GET {one}/members": self.listed,
            f"POST {one}/members": self.enlist,
            f"PATCH {one}/members": self.join,
        }

    def put(self, asked: Asked) -> Any:
        if self.collisions:
            self.collisions -= 1
            return said(409, {"code": "request.conflict"})
        body = orjson.loads(asked.body)
        self.writes.append(("PUT", body))
        self.body = {**self.body, **body, "dateModified": "2026-03-09T12:00:01.000Z", "modifiedBy": "us"}
        return self.body

    def listed(self, asked: Asked) -> Any:
        entities = [{"id": user, "joined": joined} for user, joined in self.members.items()]
        number = int(dict(pair.split("=") for pair in asked.query.split("&"))["pageNumber"])
        more = {"nextUri": "/more"} if number < len(entities) else {}
        return {"entities": entities[number - 1 : number], **more}

    def enlist(self, asked: Asked) -> web.Response:
        self.writes.append(("POST", orjson.loads(asked.body)))
        self.members |= {entry["id"]: False for entry in orjson.loads(asked.body)}
        return said(204)

    def join(self, asked: Asked) -> Any:
        self.writes.append(("PATCH", orjson.loads(asked.body)))
        self.members |= {entry["id"]: entry["joined"] for entry in orjson.loads(asked.body)}
        return {"entities": []}


async def change(queue: Queue, wanted: QueueChange) -> tuple[QueueState, QueueState]:
    async with platform(queue.routes()) as (genesys, _):
        return await genesys.change_queue(wanted)


async def test_a_queue_is_read_as_the_loop_sees_it() -> None:
    async with platform(Queue().routes()) as (genesys, _):
        state = await genesys.queue("q1")
    assert (state.name, state.division_id, state.modified_by) == ("Email Support", "d1", "ana")
    assert state.service_level_seconds == {"email": 60.0, "call": 20.0}
    assert state.version == "2026-03-09T12:00:00.000Z"


async def test_no_such_queue_is_a_refusal() -> None:
    async with platform({}) as (genesys, _):
        with pytest.raises(RefusedError):
            await genesys.queue("q1")


async def test_only_the_one_target_differs_in_what_is_sent_back() -> None:
    queue = Queue()
    original = copy.deepcopy(queue.body)
    before, after = await change(queue, TIGHTER)
    sent = queue.writes[0][1]
    assert sent["mediaSettings"]["email"]["serviceLevel"] == {"percentage": 0.8, "durationMs": 45000}
    assert sent["mediaSettings"]["call"] == original["mediaSettings"]["call"]
    assert sent["mediaSettings"]["email"]["alertingTimeoutSeconds"] == 300
    assert sent["somethingNew"] == {"kept": True}
    assert not {"id", "selfUri", "memberCount", "dateModified", "modifiedBy"} & sent.keys()
    assert "mode" not in sent["mediaSettings"]["callback"]
    assert (before.service_level_seconds["email"], after.service_level_seconds["email"]) == (60, 45)
    assert (before.modified_by, after.modified_by) == ("ana", "us")


async def test_the_pool_joins_strangers_are_made_members_first() -> None:
    queue = Queue()
    before, after = await change(queue, TIGHTER)
    assert queue.members == {"u1": True, "u2": True, "u9": True}
    assert [kind for kind, _ in queue.writes] == ["PUT", "POST", "PATCH"]
    assert queue.writes[1][1] == [{"id": "u2"}]
    assert (before.raw["joinedMembers"], after.raw["joinedMembers"]) == ([], ["u1", "u2"])


async def test_the_same_change_again_writes_nothing() -> None:
    queue = Queue()
    await change(queue, TIGHTER)
    queue.writes.clear()
    before, after = await change(queue, TIGHTER)
    assert queue.writes == []
    assert before.service_level_seconds == after.service_level_seconds
    assert before.raw["joinedMembers"] == ["u1", "u2"]


async def test_the_way_back_leaves_others_alone() -> None:
    queue = Queue()
    await change(queue, TIGHTER)
    _, after = await change(queue, BACK)
    assert queue.members == {"u1": False, "u2": False, "u9": True}
    assert after.service_level_seconds["email"] == 60
    assert after.raw["joinedMembers"] == []


async def test_a_target_that_a_person_set_is_left_alone_and_shown() -> None:
    queue = Queue(seconds=90)
    with pytest.raises(ConflictError, match=r"90 s, not 60 s") as raised:
        await change(queue, TIGHTER)
    assert isinstance(raised.value.found, QueueState)
    assert raised.value.found.service_level_seconds["email"] == 90
    assert queue.writes == []
    assert queue.members == {"u1": False, "u9": True}


async def test_a_collision_is_met_with_a_fresh_read() -> None:
    queue = Queue()
    queue.collisions = 3
    _, after = await change(queue, TIGHTER)
    assert after.service_level_seconds["email"] == 45
    queue = Queue()
    queue.collisions = 4
    with pytest.raises(RetryableError):
        await change(queue, TIGHTER)


async def test_a_medium_without_a_service_level_is_a_refusal_with_a_remedy() -> None:
    with pytest.raises(RefusedError) as raised:
        await change(Queue(), QueueChange("q1", "callback", 45, (60,)))
    assert raised.value.remedy


async def test_members_go_in_hundreds() -> None:
    queue = Queue()
    users = tuple(f"n{number}" for number in range(250))
    await change(queue, QueueChange("q1", "email", 60, (60,), join=users))
    sizes = [f"{kind} {len(sent)}" for kind, sent in queue.writes]
    assert sizes == ["POST 100", "POST 100", "POST 50", "PATCH 100", "PATCH 100", "PATCH 50"]


async def test_a_write_whose_answer_was_lost_is_found_done() -> None:
    queue = Queue()
    routes = queue.routes()

    def lost(asked: Asked) -> web.Response:
        queue.put(asked)
        return said(502)

    async with platform({**routes, "PUT /api/v2/routing/queues/q1": lost}) as (genesys, _):
        with pytest.raises((RetryableError, FarSideDown)):
            await genesys.change_queue(TIGHTER)
    queue.writes.clear()
    _, after = await change(queue, TIGHTER)
    assert after.service_level_seconds["email"] == 45
    assert [kind for kind, _ in queue.writes] == ["POST", "PATCH"]


def test_what_goes_back_does_not_touch_what_came() -> None:
    body = Queue().body
    untouched = copy.deepcopy(body)
    with_target(body, "email", 45)
    assert body == untouched
