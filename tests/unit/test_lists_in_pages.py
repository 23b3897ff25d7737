"""Lists to their end, however they tell that there is more."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from processor.clients.genesys.pages import PAGE, entities, to_the_end
from tests.unit.farside import Asked, api_to, said

ALL = [{"id": str(number)} for number in range(2 * PAGE + 7)]


def page(asked: Asked) -> tuple[int, list[dict[str, str]]]:
    number = int(parse_qs(asked.query)["pageNumber"][0])
    return number, ALL[(number - 1) * PAGE : number * PAGE]


def hints(kind: str, number: int) -> dict[str, Any]:
    more = number < 3
    told: dict[str, dict[str, Any]] = {
        "pageCount": {"pageCount": 3},
        "nextUri": {"nextUri": "/next"} if more else {},
        "total": {"total": len(ALL), "pageSize": PAGE},
        "nothing": {},
    }
    return told[kind]


@pytest.mark.parametrize("kind", ["pageCount", "nextUri", "total", "nothing"])
async def test_a_list_is_read_to_its_end(kind: str) -> None:
    def answer(asked: Asked) -> web.Response:
        number, found = page(asked)
        return said(200, {"entities": found, **hints(kind, number)})

    async with api_to(answer) as (api, far):
        assert [one async for one in entities(api, "/x")] == ALL
    assert len(far.asked) == 3


async def test_who_knows_no_pages_is_read_once() -> None:
    async with api_to(lambda _: said(200, {"entities": ALL[:PAGE]})) as (api, far):
        assert [one async for one in entities(api, "/x")] == ALL[:PAGE]
    assert len(far.asked) == 2


async def test_a_short_list_is_one_question() -> None:
    async with api_to(lambda _: said(200, {"entities": ALL[:3]})) as (api, far):
        assert [one async for one in entities(api, "/x")] == ALL[:3]
    assert len(far.asked) == 1


@pytest.mark.parametrize("kind", ["pageCount", "nextUri", "total"])
async def test_a_list_asked_for_without_page_words_is_read_to_its_end_too(kind: str) -> None:
    def answer(asked: Asked) -> web.Response:
        number = int(parse_qs(asked.query).get("pageNumber", ["1"])[0])
        return said(200, {"entities": ALL[(number - 1) * PAGE : number * PAGE], **hints(kind, number)})

    async with api_to(answer) as (api, far):
        assert (await to_the_end(api, "/x"))[0] == ALL
    assert [asked.query for asked in far.asked] == ["", "pageNumber=2", "pageNumber=3"]


@pytest.mark.parametrize("body", [ALL[:3], {"entities": ALL[:3]}, {"entities": ALL[:3], "total": 3}])
async def test_a_bare_list_is_one_question(body: Any) -> None:
    async with api_to(lambda _: said(200, body)) as (api, far):
        assert (await to_the_end(api, "/x"))[0] == ALL[:3]
    assert len(far.asked) == 1


async def test_who_shows_the_same_page_again_whatever_is_asked_is_read_once() -> None:
    async with api_to(lambda _: said(200, {"entities": ALL[:3], "pageCount": 9})) as (api, far):
        assert (await to_the_end(api, "/x"))[0] == ALL[:3]
    assert len(far.asked) == 2
