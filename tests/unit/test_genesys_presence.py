"""Presence in the official API: definitions that an organisation made itself, and which shifts are asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from aiohttp import web

from processor.clients.genesys.platform.presence import Presences
from processor.errors import NotValid
from tests.unit.farside import Asked, Clock, api_to, said

SYSTEM = {"id": "d-1", "type": "System", "systemPresence": "Available", "languageLabels": {"en_US": "Available"}}
OWN = {"id": "d-2", "type": "User", "systemPresence": "Offline", "languageLabels": {"de": "Zuhause", "fr": "Parti"}}
ENGLISH = {"id": "d-3", "type": "User", "systemPresence": "Meal", "languageLabels": {"de": "Mittag", "en_US": "Lunch"}}
BARE = {"id": "d-4", "type": "User", "systemPresence": "Busy"}
GONE = {"id": "d-5", "type": "User", "systemPresence": "Busy", "deactivated": True}


async def test_they_are_set_by_their_ids_and_named_by_their_labels() -> None:
    clock = Clock()
    listed = {"entities": [OWN, GONE, SYSTEM, ENGLISH, BARE]}
    async with api_to(lambda _: said(200, listed), clock=clock) as (api, _):
        presences = Presences(api, clock.time())
        found = [await presences.definition(word) for word in ("d-2", "available", "AVAILABLE", "d-4")]
        with pytest.raises(NotValid) as raised:
            await presences.definition("d-5")
    assert [(one.id, one.system, one.name) for one in found] == [
        ("d-2", "Offline", "d-2"),
        ("d-1", "Available", "Available"),
        ("d-1", "Available", "Available"),
        ("d-4", "Busy", "d-4"),
    ]
    assert raised.value.remedy == "one of Available, Zuhause (d-2), Lunch (d-3), d-4"


async def test_the_shifts_of_the_day_before_and_of_the_day_itself_are_asked_for() -> None:
    """A night shift may have begun yesterday; for tomorrow's nobody is on duty now."""
    unit = {"managementUnit": {"id": "mu"}, "businessUnit": {"id": "bu"}}

    def answer(asked: Asked) -> web.Response:
        return said(200, unit if asked.method == "GET" else {"status": "Complete", "result": {}})

    clock = Clock()
    async with api_to(answer, clock=clock) as (api, far):
        await Presences(api, clock.time()).duty("u-1", datetime(2026, 3, 9, 14, 30, tzinfo=UTC))
    searched = [orjson.loads(one.body) for one in far.asked if one.method == "POST"]
    assert {(one["startDate"], one["endDate"]) for one in searched} == {
        ("2026-03-08T00:00:00.000Z", "2026-03-10T00:00:00.000Z")
    }
