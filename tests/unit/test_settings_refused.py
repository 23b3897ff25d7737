"""Values that could only fail later, at their first use, are refused at the start, and none is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor.app.farsides import redactor
from processor.clients.wire import open_session
from processor.settings import SettingsError, load
from processor.signatures import Verifier
from processor.web.callers import Proxies

ADDRESSES = ("WFM_URL", "CALDAV_URL", "ESCALATION_URL", "PUBLIC_URL", "GENESYS_API_URL")
NO_ADDRESSES = ("not a url", "wfm.example.org", "ftp://x", "http://", "http://h:99999", "https://:443", "http://h/a b")


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_web_address(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"PROCESSOR_{name}: no web address") as raised:
        load({f"PROCESSOR_{name}": text, "PROCESSOR_GENESYS_LOGIN_URL": "http://login"})
    assert text not in str(raised.value)


def test_an_address_that_paths_are_added_to_has_no_query() -> None:
    with pytest.raises(SettingsError, match="PROCESSOR_WFM_URL: paths are added"):
        load({"PROCESSOR_WFM_URL": "http://wfm/?token=s3cret"})
    assert load({"PROCESSOR_ESCALATION_URL": "http://people/?token=s3cret"}).escalation_url
    with pytest.raises(SettingsError, match=r"DESTINATIONS\.W\.URL: no web address"):
        load({}, destinations={"w": {"url": "there"}})


def test_secrets_that_stand_in_an_address_are_secrets() -> None:
    environment = {
        "PROCESSOR_WFM_URL": "http://us:pass-word@wfm/base",
        "PROCESSOR_ESCALATION_URL": "http://people/?token=s3cret",
    }
    gateway = {"gateway": {"url": "http://us:way-in@gateway"}}
    hide = redactor(load(environment, destinations=gateway))
    assert hide("http://us:pass-word@wfm http://people/?token=s3cret http://us:way-in@gateway") == (
        "http://us:***@wfm http://people/?*** http://us:***@gateway"
    )


@pytest.mark.parametrize(
    "log",
    [
        "sqlite://relative",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///data/",
        "sqlite:///:memory:",
        "kafka://",
        "kafka://host:x",
        "kafka://host:0",
        "kafka://host:70000",
        "kafka://u:s3cret@host:9092",
        "kafka://one:9092,,two:9092",
        "kafka://host:9092/topic",
    ],
)
def test_what_names_no_log(log: str) -> None:
    with pytest.raises(SettingsError, match="LOG must be") as raised:
        load({"PROCESSOR_LOG": log})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("log", ["sqlite:///e.db", "sqlite:////v/e.db", "kafka://one", "kafka://one:9092, [::1]:9093"])
def test_what_names_a_log(log: str) -> None:
    assert load({"PROCESSOR_LOG": log}).log == log


@pytest.mark.parametrize("name", ["RECEIVER_RATE_LIMIT", "ACK_DEADLINE_SECONDS", "VOLUME_POLL_SECONDS"])
@pytest.mark.parametrize("number", ["inf", "nan"])
def test_a_number_has_an_end(name: str, number: str) -> None:
    with pytest.raises(SettingsError, match=f"PROCESSOR_{name}"):
        load({f"PROCESSOR_{name}": number})


@pytest.mark.parametrize("word", ["nme:x", "media:", "name: "])
def test_a_choice_of_queues_that_chooses_none(word: str) -> None:
    with pytest.raises(SettingsError, match=r"LOOP_QUEUES: .* is no id"):
        load({"PROCESSOR_LOOP_QUEUES": f"q-1,{word}"})


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("basic", "s3cret"),
        ("basic", ":"),
        ("basic", "s3cret:"),
        ("basic", ":s3cret"),
        ("api_keys", "s3cret"),
        ("api_keys", "X-Key: "),
        ("api_keys", "X Key: s3cret"),
        ("secrets", "whsec_"),
        ("secrets", "s3cret!"),
        ("public_keys", "whpk_s3cret"),
    ],
)
def test_a_credential_that_proves_nothing(scheme: str, value: str) -> None:
    with pytest.raises(SettingsError, match=r"WEBHOOK_[A-Z_]+, value 2: ") as raised:
        Verifier.build(**{scheme: [GOOD[scheme], value]})
    assert "s3cret" not in str(raised.value)


GOOD = {
    "basic": "user:password",
    "api_keys": "X-Key: value",
    "secrets": "whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
    "public_keys": "whpk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}


def test_proxies_and_authorities_are_named_when_they_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"TRUSTED_PROXIES: '10\.0\.0\.0/99'"):
        Proxies(["127.0.0.1", "10.0.0.0/99"])
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("nowhere.pem", "empty.pem"):
        with pytest.raises(SettingsError, match=f"CA_FILE: .*{name} cannot be used"):
            open_session(tmp_path / name)
