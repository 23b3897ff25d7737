"""The console: one page that holds all it needs and asks nobody but us."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

PAGE = Path(__file__).with_name("console.html")


def _sources(page: str, tag: str) -> str:
    """The hashes under which a browser runs what stands in the page, and nothing else."""
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(b.encode()).digest()).decode()}'" for b in blocks)


def console() -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The page's handler; read once."""
    page = PAGE.read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_sources(page, 'script')}; style-src {_sources(page, 'style')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=page.encode(), headers=headers)

    return show
