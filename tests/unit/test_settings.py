from __future__ import annotations

import re
from pathlib import Path

import pytest

from processor.app.switches import switched_off
from processor.settings import SettingsError, load
from processor.settings.regions import REGIONS


def test_lists_are_separated_by_commas_and_secrets_are_never_shown() -> None:
    settings = load({"PROCESSOR_WEBHOOK_BASIC": "a:pass-1, b:pass-2", "PROCESSOR_LOOP_QUEUES": "q-1, name:E-mail*"})
    assert [one.get_secret_value() for one in settings.webhook_basic] == ["a:pass-1", "b:pass-2"]
    assert settings.loop_queues == ("q-1", "name:E-mail*")
    assert "pass-" not in repr(settings)
    assert set(settings.secrets) == {"a:pass-1", "b:pass-2"}


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load({"PROCESSOR_PARTITIONS": "none", "PROCESSOR_RECIEVER_PORT": "1", "PROCESSOR_LOOP_MODE": "maybe"})
    for name in ("PROCESSOR_PARTITIONS", "PROCESSOR_RECIEVER_PORT", "PROCESSOR_LOOP_MODE"):
        assert name in str(raised.value)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PROCESSOR_LOOP_MODE": "act"}, "LOOP_QUEUES"),
        ({"PROCESSOR_LOG": "redis://x"}, "sqlite:///FILE"),
        ({"PROCESSOR_SPOOL": "sqlite:///s.db"}, "embedded log needs none"),
        ({"PROCESSOR_SPOOL_MAX_BYTES": "9000000"}, "SPOOL_MAX_BYTES needs SPOOL"),
        (
            {
                "PROCESSOR_LOG": "kafka://k:9092",
                "PROCESSOR_SPOOL": "sqlite:///s.db",
                "PROCESSOR_SPOOL_MAX_BYTES": "9000",
            },
            "less than one delivery",
        ),
        ({"PROCESSOR_GENESYS_CLIENT_ID": "x"}, "GENESYS_CLIENT_SECRET"),
        ({"PROCESSOR_RECEIVER_TLS_CERT": "x.pem"}, "go together"),
        ({"PROCESSOR_WFM_TOPICS": "shifts,shift"}, "'shift' is none of"),
        ({"PROCESSOR_ADMIN_TOKEN_FILE": "nowhere/token"}, "cannot be read"),
        ({"PROCESSOR_CONFIG": "nowhere.yaml"}, "cannot be read"),
    ],
)
def test_what_does_not_fit_together_says_what_to_do(environment: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(environment)


def test_a_secret_may_come_from_a_file_and_an_error_never_shows_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret-value\n")
    settings = load({"PROCESSOR_WFM_SECRET_FILE": str(secret)})
    assert settings.wfm_secret
    assert settings.wfm_secret.get_secret_value() == "s3cret-value"
    with pytest.raises(SettingsError) as raised:
        load({"PROCESSOR_WFM_SECRET_FILE": str(secret), "PROCESSOR_PARTITIONS": "0"})
    assert "s3cret" not in str(raised.value)


def test_in_the_file_too_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    for name in ("wfm", "callers", "gateway"):
        (tmp_path / name).write_text(f"secret-of-{name}\n")
    file = tmp_path / "config.yaml"
    file.write_text(
        f"wfm_secret_file: {tmp_path / 'wfm'}\n"
        f"webhook_basic_file: {tmp_path / 'callers'}\n"
        f"destinations: {{gateway: {{url: 'http://gateway', secret_file: {tmp_path / 'gateway'}}}}}\n"
    )
    settings = load({"PROCESSOR_CONFIG": str(file)})
    assert set(settings.secrets) == {"secret-of-wfm", "secret-of-callers", "secret-of-gateway"}
    assert "secret-of" not in repr(settings)
    settings = load({"PROCESSOR_CONFIG": str(file), "PROCESSOR_WFM_SECRET": "of-the-environment"})
    assert settings.wfm_secret
    assert settings.wfm_secret.get_secret_value() == "of-the-environment"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("wfm_secret: s3cret\nwfm_secret_file: also", "wfm_secret and wfm_secret_file: set one of them"),
        ("wfm_secret_file: nowhere/secret", "wfm_secret_file: nowhere/secret cannot be read"),
        ("wfm_secret_file: [a, b]", "wfm_secret_file must be the name of a file"),
        ("wfm_secret_file: binary", "binary cannot be read: it is no text"),
        ("wfm_url_file: there", "unknown name 'wfm_url_file'"),
        ("destinations: {w: {url: 'http://w', secret_file: nowhere}}", "destinations.w: secret_file: nowhere cannot"),
        ("destinations: {w: {url: 'http://w', secret: s3cret, secret_file: nowhere}}", "set one of them"),
        ("destinations: {w: {url: 'http://w', url_file: x}}", "DESTINATIONS.W.URL_FILE"),
        ("destinations: [w]", "DESTINATIONS"),
        ("destinations: {w: there}", "DESTINATIONS.W"),
    ],
)
def test_a_file_that_names_a_secret_wrongly_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("binary").write_bytes(b"\xff\xfe")
    Path("config.yaml").write_text(written)
    with pytest.raises(SettingsError, match=re.escape(says)) as raised:
        load({"PROCESSOR_CONFIG": "config.yaml"})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"partitions: 3\nwfm_secret: 's3cret", "it is no YAML at line 2"),
        (b"wfm_secret: s3cret\npartitions: {3", "it is no YAML at line 2"),
        (b"wfm_secret: *s3cret", "it is no YAML at line 1"),
        (b"wfm_secret: !s3cret", "it is no YAML at line 1"),
        (b"\xff\xfes3cret", "cannot be read: it is no"),
        (b"wfm_secret: s3cret\x00", "cannot be read: it is no YAML"),
        (b"- s3cret", "must hold names and values"),
    ],
)
def test_a_broken_file_is_refused_without_showing_what_stands_there(tmp_path: Path, written: bytes, says: str) -> None:
    (tmp_path / "config.yaml").write_bytes(written)
    with pytest.raises(SettingsError, match=says) as raised:
        load({"PROCESSOR_CONFIG": str(tmp_path / "config.yaml")})
    assert "s3cret" not in str(raised.value)


def test_the_file_brings_lists_and_tables_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "partitions: 3\n"
        "holidays: {xmas: [2026-12-25, '2026-12-26']}\n"
        "loop_rule: {offered_above: 400}\n"
        "loop_pools: {'name:Email*': [u-1, u-2]}\n"
        "destinations: {gateway: {url: 'http://gateway', secret: whsec_abc, topics: [queues]}}\n"
    )
    settings = load({"PROCESSOR_CONFIG": str(file), "PROCESSOR_PARTITIONS": "6"})
    assert settings.partitions == 6
    assert [day.isoformat() for day in settings.holidays["xmas"]] == ["2026-12-25", "2026-12-26"]
    assert settings.loop_rule.offered_above == 400
    assert settings.destinations["gateway"].topics == ("queues",)
    assert "whsec_abc" in settings.secrets
    file.write_text("partition: 3\n")
    with pytest.raises(SettingsError, match="unknown name 'partition'"):
        load({"PROCESSOR_CONFIG": str(file)})


@pytest.mark.parametrize("written", ["2026-12-25", "'2026-12-25'", "[2026-12-25]", "'2026-12-25, 2026-12-25'"])
def test_a_holiday_of_one_date_needs_no_list(tmp_path: Path, written: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"holidays: {{xmas: {written}}}\n")
    assert {day.isoformat() for day in load({"PROCESSOR_CONFIG": str(file)}).holidays["xmas"]} == {"2026-12-25"}


def test_what_has_no_settings_is_off_and_says_so() -> None:
    sentences = " ".join(switched_off(load({})))
    for name in ("GENESYS_CLIENT_ID", "WFM_URL", "CALDAV_URL", "CALENDAR_SECRET", "ESCALATION_URL", "LOOP_MODE=act"):
        assert name in sentences


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ("eu-west-1", "mypurecloud.ie"),
        ("api.usw2.pure.cloud", "usw2.pure.cloud"),
        ("https://login.mypurecloud.de/", "mypurecloud.de"),
        ("mypurecloud.eu", "mypurecloud"),
        ("nowhere", "mypurecloud.com.au"),
    ],
)
def test_a_region_that_is_none_is_refused_with_the_one_that_is_meant(region: str, says: str) -> None:
    with pytest.raises(SettingsError, match="GENESYS_REGION") as raised:
        load({"PROCESSOR_GENESYS_REGION": region})
    assert says in str(raised.value)


def test_every_region_of_the_reference_is_one(shared: Path) -> None:
    text = (shared / "genesys" / "REFERENCE.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("us-east-1 "))
    told = dict(one.strip().split(" ")[:2] for one in line.split(" | "))
    assert {domain: aws for aws, domain in told.items()} == REGIONS
    assert load({"PROCESSOR_GENESYS_REGION": "euc2.pure.cloud"}).login_url == "https://login.euc2.pure.cloud"


def test_a_pool_cannot_be_joined_where_no_call_joins_members() -> None:
    with pytest.raises(SettingsError, match="LOOP_POOLS"):
        load({"PROCESSOR_GENESYS_DIALECT": "guide"}, loop_pools={"q-1": ["u-1"]})


def test_the_guides_ask_the_api_host_for_tokens_unless_told_otherwise() -> None:
    assert load({}).login_url == "https://login.mypurecloud.com"
    assert load({"PROCESSOR_GENESYS_DIALECT": "guide"}).login_url == "https://api.mypurecloud.com"
    own = {"genesys_api_url": "https://a.example", "genesys_login_url": "https://l.example"}
    assert load({"PROCESSOR_GENESYS_DIALECT": "guide"}, **own).login_url == "https://l.example"
