"""Lists to their end, and ids that are safe in a path."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from processor.clients.api import Api, Reply
from processor.errors import PoisonError

T = TypeVar("T")
Entity = Mapping[str, Any]
Params = Mapping[str, str | int | Sequence[str]]
PAGE = 100
MOST_PAGES = 10_000


async def pages(api: Api, path: str, params: Params | None = None) -> AsyncIterator[tuple[Sequence[Entity], Reply]]:
    """Page after page of a list. One that tells nothing of a next page ends with the first that is not full."""
    before: Sequence[Entity] = []
    for number in range(1, MOST_PAGES + 1):
        reply = await api.request("GET", path, params={**(params or {}), "pageNumber": number, "pageSize": PAGE})
        body = reply.json()
        page = body.get("entities") or []
        if number > 1 and page == before:
            return  # whoever knows no pages shows the same one again
        yield page, reply
        before = page
        if not page or not _goes_on(body, number, len(page)):
            return


def _goes_on(body: Mapping[str, Any], number: int, found: int) -> bool:
    if body.get("nextUri") or number < (body.get("pageCount") or 0):
        return True
    if "nextUri" in body or body.get("pageCount"):
        return False
    if body.get("total") is not None:
        return bool(number * (body.get("pageSize") or PAGE) < body["total"])
    return found >= PAGE


async def entities(api: Api, path: str, params: Params | None = None) -> AsyncIterator[Entity]:
    """Every entity of a paged list."""
    async for page, _ in pages(api, path, params):
        for entity in page:
            yield entity


async def to_the_end(api: Api, path: str) -> tuple[list[Entity], Reply]:
    """A list asked for as the guides show it, without page words: bare or under `entities`, to its end if it has pages.

    The reply is the last one.
    """
    found: list[Entity] = []
    for number in range(1, MOST_PAGES + 1):
        reply = await api.request("GET", path, params={"pageNumber": number} if number > 1 else None)
        body = reply.json()
        page = body if isinstance(body, list) else body.get("entities") or []
        if number > 1 and page == found[-len(page) :]:
            break  # whoever knows no pages shows the same one again
        found += page
        if isinstance(body, list) or not page or not _tells_of_more(body, number, len(found)):
            break
    return found, reply


def _tells_of_more(body: Mapping[str, Any], number: int, found: int) -> bool:
    if "nextUri" in body or body.get("pageCount"):
        return bool(body.get("nextUri") or number < (body.get("pageCount") or 0))
    return found < (body.get("total") or 0)


async def whole(api: Api, path: str) -> AsyncIterator[Entity]:
    """Every entity of a list that has no pages, bare or under `entities`."""
    body = (await api.request("GET", path)).json()
    for entity in body if isinstance(body, list) else body.get("entities") or []:
        yield entity


def path_id(value: str) -> str:
    """An id that came from outside, fit for a path. Raises `PoisonError` when it is none."""
    if not re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}", value):
        raise PoisonError(f"{value[:80]!r} is not an id", "subject")
    return value


def subject_id(subject: str) -> str:
    """The id in `queue/<id>`."""
    return path_id(subject.partition("/")[2])


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
