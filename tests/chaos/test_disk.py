"""A server whose disk fails it: a clear 503 and no readiness, never a wrong 202, and it heals by itself."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.chaos.callers import events
from tests.chaos.history import Post, rows
from tests.chaos.product import Product

HEALED_WITHIN_SECONDS = 60


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    product = Product(tmp_path)
    await product.start()
    yield product
    ended = product.process and product.process.returncode
    await product.kill()
    sys.stderr.write(f"its exit code before the end: {ended}\n{product.said[-10_000:]}")  # shown when a test fails


@contextmanager
def full(product: Product) -> Iterator[str]:
    """No file of the server may grow: what a full disk is to it, without filling one."""
    assert product.process is not None
    _, hard = resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE, (1, hard))
    yield "the disk"
    resource.prlimit(product.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def locked(product: Product) -> Iterator[str]:
    with closing(sqlite3.connect(product.file, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield "write lock"
        stranger.execute("ROLLBACK")


@contextmanager
def away(product: Product) -> Iterator[str]:
    elsewhere = product.file.with_name("elsewhere.db")
    product.file.rename(elsewhere)
    yield "folder exists"
    elsewhere.rename(product.file)


class Caller:
    def __init__(self, product: Product, session: aiohttp.ClientSession) -> None:
        self._product = product
        self._session = session
        self._events = events(1)
        self.acknowledged: list[Post] = []

    async def post(self) -> tuple[int, str]:
        post = next(self._events)
        url = f"{self._product.ready['receiver']}/webhooks/genesys"
        async with self._session.post(url, data=post.body) as answer:
            text = await answer.text()
            if answer.status == 202:
                self.acknowledged.append(post)
            else:
                assert "Retry-After" in answer.headers
            return answer.status, text

    async def ready(self) -> tuple[int, str]:
        async with self._session.get(f"{self._product.ready['admin']}/readyz") as answer:
            return answer.status, await answer.text()


async def until(status: int, ask: Callable[[], Awaitable[tuple[int, str]]]) -> str:
    """The answer with this status: readiness is remembered for a moment."""
    async with asyncio.timeout(HEALED_WITHIN_SECONDS):
        while True:
            found, text = await ask()
            if found == status:
                return text


@pytest.mark.parametrize("trouble", [full, locked, away])
async def test_a_disk_that_fails_is_said_and_forgotten(
    product: Product, trouble: Callable[[Product], AbstractContextManager[str]]
) -> None:
    async with aiohttp.ClientSession() as session:
        caller = Caller(product, session)
        assert (await caller.post())[0] == 202
        assert (await caller.ready())[0] == 200
        with trouble(product) as said:
            answers = [await caller.post() for _ in range(3)]
            assert {status for status, _ in answers} == {503}
            assert said in await until(503, caller.ready)
        await until(202, caller.post)
        await until(200, caller.ready)
        await product.idle()
    kept = {(row.id, row.value) for row in rows(product.file) if row.topic == "genesys.raw"}
    assert {(post.id, post.body) for post in caller.acknowledged} <= kept
    assert "Traceback" not in product.said
