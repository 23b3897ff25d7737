"""The calendar server of compose.yaml, started by its words on an empty volume: the product may make calendars there."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import yaml

from processor.settings import load
from tests.contract.caldavserver import free_port, served

SERVICES = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text(encoding="utf-8"))["services"]


async def test_the_home_of_the_calendars_is_there_for_the_product_of_compose(tmp_path: Path) -> None:
    settings = load(SERVICES["product"]["environment"])
    told, port = SERVICES["calendars"], free_port()
    where = urlsplit(settings.caldav_url)
    places = {where.netloc: f"127.0.0.1:{port}", "/data/calendars": str(tmp_path / "store")}
    assert places.keys() <= set(told["command"]), "it listens where the product is sent to, and keeps all on its volume"
    words = [places.get(word, word) for word in told["command"]]
    proof = aiohttp.encode_basic_auth(settings.caldav_user, settings.caldav_password.get_secret_value())
    with served(tmp_path, [sys.executable, *told["entrypoint"][1:], "--config", "", *words], port):
        async with aiohttp.ClientSession(headers={"Authorization": proof}) as session:
            calendar = f"http://127.0.0.1:{port}{where.path}agent-u-1/"
            async with session.request("MKCALENDAR", calendar) as answer:
                assert answer.status == 201, await answer.text()
