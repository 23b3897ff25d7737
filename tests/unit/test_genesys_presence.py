"""Presence definitions of the official API that an organisation made itself."""

from __future__ import annotations

import pytest

from processor.clients.genesys.platform.presence import Presences
from processor.errors import NotValid
from tests.unit.farside import Clock, api_to, said

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
