"""What `calendars` prints: addresses that a calendar program can subscribe to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from handlers.events import ShiftsUpdated
from handlers.feeds import feed_path
from processor.app.log import open_log
from processor.cli import main
from processor.settings import load

SECRET = "a-long-random-text"
PATH = feed_path(SECRET, "agent/u-1")


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A log in which one agent has shifts."""
    moment = datetime(2026, 3, 9, tzinfo=UTC)
    known = ShiftsUpdated(id="e-1", time=moment, subject="agent/u-1", user_id="u-1", from_=moment, to=moment)
    settings = {"LOG": f"sqlite:///{tmp_path / 'events.db'}", "CALENDAR_SECRET": SECRET}
    for name, value in settings.items():
        monkeypatch.setenv(f"PROCESSOR_{name}", value)
    async with open_log(load()) as log:
        await log.append([known.to_message()])
    return monkeypatch


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, f"http://127.0.0.1:8080{PATH}"),
        ({"RECEIVER_HOST": "::1", "RECEIVER_PORT": "9090"}, f"http://[::1]:9090{PATH}"),
        ({"RECEIVER_TLS_CERT": "c.pem", "RECEIVER_TLS_KEY": "k.pem"}, f"https://127.0.0.1:8080{PATH}"),
        ({"PUBLIC_URL": "https://events.example/", "RECEIVER_PORT": "0"}, f"https://events.example{PATH}"),
    ],
)
def test_an_address_for_each_feed(environment, capsys, settings, address):
    for name, value in settings.items():
        environment.setenv(f"PROCESSOR_{name}", value)
    assert main(["calendars"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"agent/u-1  {address}\n", "")


def test_a_port_that_nobody_knows_yet_is_not_made_up(environment, capsys):
    environment.setenv("PROCESSOR_RECEIVER_PORT", "0")
    assert main(["calendars"]) == 0
    said = capsys.readouterr()
    assert said.out == f"agent/u-1  {PATH}\n"
    assert "PUBLIC_URL" in said.err
