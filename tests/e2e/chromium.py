"""A real browser, led over its debugging socket: enough of it to open a page, look, and click."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "--window-size=1280,900"),
)


class Page:
    """One tab. `look` runs JavaScript there; `errors` are the exceptions and failed loads that it told of."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self.errors: list[str] = []

    async def say(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async for message in self._socket:
            told = message.json()
            self._note(told)
            if told.get("id") == number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result
        raise AssertionError("the browser went away")

    def _note(self, told: dict[str, Any]) -> None:
        if told.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(told["params"]["exceptionDetails"]))
        if told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            self.errors.append(f"{told['params']['entry']['text']} {told['params']['entry'].get('url', '')}")

    async def look(self, script: str) -> Any:
        found = await self.say("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def open(self, url: str) -> None:
        for part in ("Runtime", "Log", "Page"):
            await self.say(f"{part}.enable")
        await self.say("Page.navigate", url=url)

    async def text(self) -> str:
        return str(await self.look("document.body?.innerText ?? ''"))

    async def picture(self) -> str:
        """A PNG in base64."""
        shot = await self.say("Page.captureScreenshot", format="png")
        return str(shot["data"])


@asynccontextmanager
async def browser(folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Page]:
    """A fresh profile in `folder`, one empty page."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *OPTIONS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(40):
            address = await _address(process)
            async with session.get(f"http://{address}/json/list") as answer:
                (page,) = [one for one in await answer.json(content_type=None) if one["type"] == "page"]
            socket = await session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        async with socket:
            yield Page(socket)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr
    async for line in process.stderr:
        if b"DevTools listening on" in line:
            return line.decode().split("ws://")[1].partition("/")[0]
    raise AssertionError("the browser did not start")
