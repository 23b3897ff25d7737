"""Read-only pages beside the webhook (the calendar feeds): with ETag, so that unchanged is not sent again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from processor.event import digest


@dataclass(frozen=True, slots=True)
class Page:
    """`get` takes the rest of the path, undecoded; None = there is no such page."""

    content_type: str
    get: Callable[[str], Awaitable[bytes | None]]


async def get_page(request: web.BaseRequest, page: Page, rest: str) -> web.Response | None:
    """The answer to GET or HEAD; None when there is no such page."""
    body = await page.get(rest)
    if body is None:
        return None
    tag = f'"{digest(body)[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, max-age=300",
        "Content-Type": page.content_type,
        "X-Content-Type-Options": "nosniff",
    }
    offered = request.headers.get("If-None-Match", "")
    if any(one.strip().removeprefix("W/") in (tag, "*") for one in offered.split(",")):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers)
