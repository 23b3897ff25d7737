"""Secrets too short to be secrets are taken, and told of by their place: never by what they are."""

from __future__ import annotations

from base64 import b64encode

import pytest

from processor.app.serving import _tell_of
from processor.app.short_secrets import short_secrets
from processor.cli import main
from processor.settings import load


def whsec(count: int) -> str:
    return "whsec_" + b64encode(bytes(range(count))).decode()


@pytest.mark.parametrize(
    ("name", "short", "long"),
    [
        ("WEBHOOK_SECRETS", whsec(23), whsec(24)),
        ("WEBHOOK_SECRETS", whsec(2), whsec(64)),
        ("WFM_SECRET", whsec(23), whsec(24)),
        ("ESCALATION_SECRET", whsec(23), whsec(24)),
        ("WEBHOOK_BASIC", "a-long-user-name:0123456789a", "u:0123456789ab"),
        ("WEBHOOK_BASIC", "wfm_sync:w", "wfm_sync:webhook_secret"),  # the latter is a guide's own
        ("WEBHOOK_API_KEY", "X-A-Long-Header-Name: 0123456789a", "X-Key: 0123456789ab"),
        ("WEBHOOK_GENESYS_SECRET", "0123456789a", "0123456789ab"),
        ("ADMIN_TOKEN", "0123456789a", "0123456789ab"),
        ("CALENDAR_SECRET", "ä234567890", "ä2345678901"),  # bytes, not letters
    ],
)
def test_a_short_secret_is_told_of_and_one_that_is_long_enough_is_not(name, short, long):
    (said,) = short_secrets(load({f"PROCESSOR_{name}": short}))
    assert said.startswith(f"{name} has fewer than ")
    assert short.partition(":")[2].strip() not in said.split()
    assert short not in said
    assert short_secrets(load({f"PROCESSOR_{name}": long})) == []


def test_of_several_values_the_number_is_told():
    said = short_secrets(load({"PROCESSOR_WEBHOOK_SECRETS": f"{whsec(32)},{whsec(2)}"}))
    assert [one.partition(" has")[0] for one in said] == ["WEBHOOK_SECRETS, value 2"]


def test_a_destination_is_told_by_its_name(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(f"destinations:\n  payroll: {{url: 'https://payroll.example', secret: {whsec(8)}}}\n")
    (said,) = short_secrets(load({"PROCESSOR_CONFIG": str(file)}))
    assert said.startswith("destinations: payroll has fewer than 24 bytes")
    assert whsec(8) not in said


def test_what_other_systems_gave_us_is_not_judged():
    theirs = {"GENESYS_CLIENT_ID": "c", "GENESYS_CLIENT_SECRET": "s", "CALDAV_PASSWORD": "p", "KAFKA_PASSWORD": "k"}
    assert short_secrets(load({f"PROCESSOR_{name}": value for name, value in theirs.items()})) == []


def test_what_is_no_secret_at_all_is_left_to_who_refuses_it():
    assert short_secrets(load({"PROCESSOR_WEBHOOK_SECRETS": "whsec_!"})) == []


def test_serve_tells_of_it_at_start(caplog):
    _tell_of(load({"PROCESSOR_WEBHOOK_SECRETS": whsec(2)}))
    (told,) = [one for one in caplog.records if one.message == "short-secret"]
    assert told.what.startswith("WEBHOOK_SECRETS has fewer than 24 bytes")


def test_check_tells_of_it_and_takes_it_all_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PROCESSOR_LOG", f"sqlite:///{tmp_path / 'events.db'}")
    monkeypatch.setenv("PROCESSOR_WEBHOOK_SECRETS", whsec(2))
    assert main(["check"]) == 0
    assert (
        "short: WEBHOOK_SECRETS has fewer than 24 bytes: Standard Webhooks asks for 24 to 64" in capsys.readouterr().out
    )
