"""The console in a real browser: it shows what happens, and its buttons do what they say.

Needs Chromium (`apt-get install --yes chromium`); where there is none, this is skipped.
"""

from __future__ import annotations

import pytest

from sandbox.names import EMAIL
from tests.e2e.centre import centre, on_until
from tests.e2e.chromium import PROGRAM, browser
from tests.e2e.payloads import eventbridge
from tests.e2e.programs import eventually

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="no chromium: apt-get install --yes chromium"),
    pytest.mark.timeout(300),
]

BUTTON = """[...document.querySelectorAll("button")].find(one => one.offsetParent && one.innerText === "{name}"
    && (!"{row}" || one.closest("tr")?.innerText.includes("{row}")))"""


async def shows(page, *words):
    seen = ""

    async def look():
        nonlocal seen
        seen = (await page.text()).casefold()
        return all(word.casefold() in seen for word in words)

    try:
        await eventually(look)
    except AssertionError:
        raise AssertionError(f"{[word for word in words if word.casefold() not in seen]} not in {seen}") from None


async def click(page, name, row=""):
    script = BUTTON.format(name=name, row=row)

    async def there():
        return await page.look(f"!!({script})")

    await eventually(there)
    await page.look(f"({script}).click()")


async def test_a_supervisor_sees_the_loop_and_stops_it(tmp_path):
    async with centre(tmp_path) as (sandbox, product):
        await on_until(sandbox, product, "adjust")
        await product.post(eventbridge("v2.somebody.elses.topic", {}, name="odd"))
        async with browser(tmp_path / "profile", product.session) as page:
            await page.open(product.ready["admin"] + "/")
            await shows(
                page, "ready", "Email Support", "Received", "Normalised", "loop: act", "adjust", "no event that we know"
            )
            await shows(
                page, "offered", "breach", "60 s → 45 s", "85 % in 60 s, now 45 s", "members joined by the loop"
            )
            await click(page, "Freeze", "Email Support")
            await shows(page, "The loop leaves it alone until it is resumed")
            await page.look("$('ask-input').value = 'drill'; $('ask-restore').checked = true; $('ask-yes').click()")

            async def frozen():
                (email,) = [q for q in (await product.ask("/queues"))["queues"] if q["queueId"] == EMAIL.id]
                return email["frozen"] and not email["standing"] and email

            assert (await eventually(frozen))["frozen"]["reason"] == "drill"
            await shows(page, "frozen by", "drill")
            await click(page, "Resume", "Email Support")
            await shows(page, "is minded again")
            await click(page, "Replay")
            await shows(page, "replayed 1")
            await page.look("$('event').value = 'odd'; $('find').click()")
            await shows(page, '"fate": "dead letter"')
            assert page.errors == []


async def test_the_console_asks_for_the_token(tmp_path):
    async with (
        centre(tmp_path, ADMIN_TOKEN="token-of-the-admin-port") as (_, product),
        browser(tmp_path / "profile", product.session) as page,
    ):
        await page.open(product.ready["admin"] + "/")
        await shows(page, "token")
        await page.look("$('ask-input').value = 'token-of-the-admin-port'; $('ask-yes').click()")
        await shows(page, "ready", "Email Support")
