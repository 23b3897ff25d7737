"""No request to a far side is without a limit of time, whoever asks."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from processor.clients.api import Api, ApiPolicy, Unreachable


class Nobody:
    """Stands where the connection stands, and remembers how long it would have been waited for."""

    def __init__(self) -> None:
        self.limits: list[aiohttp.ClientTimeout] = []

    def request(self, *_: Any, timeout: aiohttp.ClientTimeout, **__: Any) -> Any:
        self.limits.append(timeout)
        raise aiohttp.ClientConnectionError


async def test_half_a_minute_for_an_answer_and_five_seconds_for_a_connection_unless_less_is_said() -> None:
    nobody: Any = Nobody()
    api = Api("genesys", "https://api.example", nobody, policy=ApiPolicy(attempts=1))
    for said in (None, 7, 2):
        with pytest.raises(Unreachable):
            await api.request("GET", "/x", timeout=said)
    assert [(one.total, one.sock_connect) for one in nobody.limits] == [(30, 5), (7, 5), (2, 2)]
