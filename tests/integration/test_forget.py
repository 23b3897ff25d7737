"""`forget SUBJECT`: gone from the log, told to WFM, and the audit chain still holds."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime

import aiohttp
import pytest

from processor.app.topics import TOPICS
from processor.audit import verify
from processor.eventlog.sqlite import SqliteLog
from sandbox.options import Options
from sandbox.run import running
from tests.chaos.callers import events
from tests.chaos.history import rows
from tests.chaos.product import SECRET, Product


async def forget(product: Product, subject: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "processor", "forget", subject),
        stdout=PIPE,
        stderr=PIPE,
        env=product.environment(),
    )
    out, errors = await process.communicate()
    return process.returncode or 0, (out + errors).decode()


@pytest.mark.timeout(300)
async def test_an_agent_is_forgotten_everywhere(tmp_path):
    posts = [post for _, post in zip(range(400), events(1), strict=False) if post.facet != "junk"]
    subject = posts[0].subject
    async with running(Options(port=0, wfm_port=0, quiet=True, wfm_secret=SECRET)) as sandbox:
        product = Product(tmp_path, wfm_url=str(sandbox.ready()["wfm"]))
        try:
            url = await product.start()
            async with aiohttp.ClientSession() as session:
                for post in posts:
                    async with session.post(url, data=post.body) as answer:
                        assert answer.status == 202
            await product.idle()
            code, said = await forget(product, subject)
            assert code == 0, said
            assert "told that it is gone: WFM" in said
            assert "remains in genesys.raw until" in said
        finally:
            await product.kill()
        state = sandbox.wfm.books["events"].state[f"genesys.presence.updated {subject}"]
    assert state["data"]["deleted"] is True
    kept = [row for row in rows(product.file) if row.key == subject and row.topic != "genesys.outcomes"]
    assert [(row.topic, row.value) for row in kept] == [("genesys.presence", "")]
    others = {post.subject for post in posts} - {subject}
    assert {row.key for row in rows(product.file) if row.topic == "genesys.presence"} == {subject, *others}
    async with SqliteLog.open(product.file, TOPICS, 12, lambda: datetime.now(UTC)) as log:
        report = await verify(log)
    assert report.erased > 0
    assert not report.broken


async def test_without_a_server_it_says_who_was_not_told(tmp_path):
    product = Product(tmp_path, wfm_url="http://127.0.0.1:9")
    code, said = await forget(product, "agent/nobody")
    assert (code, "the log held none" in said, "not told, since the product was not running: WFM" in said) == (
        0,
        True,
        True,
    )
    code, said = await forget(product, "nobody")
    assert (code, "is no subject" in said) == (3, True)
