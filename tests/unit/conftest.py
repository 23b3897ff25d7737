"""What several rooms of the unit tests need in the product for a while."""

from __future__ import annotations

import pytest

from handlers.requests.kinds import KINDS
from tests.unit.things import ThingRequest


@pytest.fixture
def thing_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """`thing` is a kind of request."""
    monkeypatch.setitem(KINDS, "thing", ThingRequest)
