"""The command `post` proves itself with whatever credential the settings have, and the receiver's own verifier agrees."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from processor.cli.post import headers, target
from processor.settings import Settings, SettingsError
from processor.signatures import Verifier

BODY = b'{"event":"schedule:updated"}'
SECRET = "whsec_cG9zdC10ZXN0LXNlY3JldC0zMi1ieXRlcy1sb25nIQ=="


@pytest.mark.parametrize(
    "credential",
    [
        {"webhook_basic": "user:password"},
        {"webhook_api_key": "X-Key: value"},
        {"webhook_secrets": SECRET},
        {"webhook_genesys_secret": "an open messaging secret"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_it_sends_is_believed(credential: dict[str, str]) -> None:
    settings = Settings.model_validate(credential)
    verifier = Verifier.build(
        secrets=[one.get_secret_value() for one in settings.webhook_secrets],
        public_keys=(),
        genesys=[one.get_secret_value() for one in settings.webhook_genesys_secret],
        basic=[one.get_secret_value() for one in settings.webhook_basic],
        api_keys=[one.get_secret_value() for one in settings.webhook_api_key],
        insecure=False,
    )
    sent = {name.lower(): value for name, value in headers(settings, BODY).items()}
    verifier.verify(sent, BODY, datetime.now(UTC))


def test_a_public_key_alone_cannot_sign() -> None:
    settings = Settings.model_validate({"webhook_public_keys": "whpk_MC4CAQAwBQYDK2VwBCIEIA=="})
    with pytest.raises(SettingsError, match="WEBHOOK_BASIC"):
        headers(settings, BODY)


def test_the_receiver_of_the_settings_is_asked_over_tls_when_it_has_a_certificate(tmp_path) -> None:
    files = {"receiver_tls_cert": tmp_path / "cert.pem", "receiver_tls_key": tmp_path / "key.pem"}
    assert target(Settings()) == "http://127.0.0.1:8080/webhooks/genesys"
    assert target(Settings.model_validate(files)) == "https://127.0.0.1:8080/webhooks/genesys"
