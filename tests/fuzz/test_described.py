"""The product does what its own OpenAPI document says, whatever is sent: no 5xx, no error in its log, no secret told.

`make fuzz` sends more of it, and with another FUZZ_SEED other things.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.e2e.centre import centre
from tests.e2e.programs import BASIC
from tests.fuzz.fuzzer import fuzzer
from tests.wheels import NotToBeHad

TOKEN = "token-of-the-admin-port-0123456789"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
SEED = os.environ.get("FUZZ_SEED", "0")
SECONDS = 120 + 20 * EXAMPLES
"""More than it ever took; for the bounded part some twenty are usual."""

RECEIVER = "^/(webhooks|calendars)"
UNKNOWN = b'{"detail-type": "v2.nobody.knows.this", "id": "parked"}'


@pytest.fixture(scope="module")
def program() -> Path:
    try:
        return fuzzer()
    except NotToBeHad as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"schemathesis is not to be had: {error}")


async def tried(program: Path, folder: Path, url: str, *arguments: str) -> str:
    """What it says. Fails when it found a difference, with how to send the request again."""
    process = await asyncio.create_subprocess_exec(
        *(program, "--config-file", Path(__file__).with_name("schemathesis.toml"), "run", folder / "openapi.json"),
        *("--url", url, "--seed", SEED, "--max-examples", str(EXAMPLES), "--generation-database", "none"),
        *("--no-color", "--warnings", "off", *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = out.decode()
    assert process.returncode == 0, said
    return said


@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS + 300)
async def test_what_the_openapi_document_says_holds_for_whatever_is_sent(program: Path, tmp_path: Path) -> None:
    basic, bearer = aiohttp.encode_basic_auth(*BASIC.split(":", 1)), f"Bearer {TOKEN}"
    async with centre(tmp_path, ADMIN_TOKEN=TOKEN) as (_, product):
        await product.post(UNKNOWN)  # a dead letter, so that there is one to replay
        async with product.session.get(
            f"{product.ready['admin']}/openapi.json", headers={"Authorization": bearer}
        ) as answer:
            document = await answer.read()
        (tmp_path / "openapi.json").write_bytes(document)
        paths = list(orjson.loads(document)["paths"])
        assert {"/webhooks/genesys", "/queues/{id}/freeze", "/requests/{name}", "/requests/schedule"} <= set(paths)
        doors = (
            (product.ready["receiver"], basic, "--include-path-regex", "coverage,fuzzing"),
            (product.ready["admin"], bearer, "--exclude-path-regex", "coverage,fuzzing,stateful"),
        )
        for url, proof, which, phases in doors:
            said = await tried(
                program, tmp_path, url, "--header", f"Authorization: {proof}", which, RECEIVER, "--phases", phases
            )
            assert "generated" in said
        assert len(await product.post(UNKNOWN)) == 1, "it still receives"
    for secret in (TOKEN, basic.removeprefix("Basic ")):
        assert secret not in product.said
