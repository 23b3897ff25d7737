"""Who may post: every scheme, its rotation, and that nothing wrong gets in."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from processor.errors import FatalError
from processor.signatures import Unauthorised, Verifier
from processor.signing import secret_bytes, sign

OLD = "whsec_" + base64.b64encode(b"an old secret of 24 bytes").decode()
NEW = "whsec_" + base64.b64encode(b"a new secret of 32 bytes or more").decode()
NOW = datetime(2026, 3, 9, 13, 0, 4, tzinfo=UTC)
BODY = '{"name":"Zoë"}'.encode()


def signed(secret: str, body: bytes = BODY, at: datetime = NOW, message_id: str = "msg_1") -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": sign(secret, message_id, at, body),
    }


def basic(pair: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@given(body=st.text(alphabet=st.characters(exclude_categories=["Cs"])), key=st.binary(min_size=1, max_size=64))
@settings(max_examples=60, deadline=None)
def test_we_sign_byte_for_byte_as_the_library(body: str, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    assert sign(secret, "msg_1", NOW, body.encode()) == Webhook(secret).sign("msg_1", NOW, body)


def test_the_library_takes_what_we_sign_and_we_what_it_signs() -> None:
    at = datetime.now(UTC)
    Webhook(NEW).verify(BODY, signed(NEW, at=at), json_parse=False)
    theirs = {**signed(NEW, at=at), "webhook-signature": Webhook(NEW).sign("msg_1", at, BODY.decode())}
    assert Verifier.build(secrets=[NEW]).verify(theirs, BODY, at).message_id == "msg_1"


@given(
    signature=st.one_of(st.text(max_size=60), st.just(signed(NEW)["webhook-signature"])),
    timestamp=st.one_of(st.text(max_size=12), st.just(str(int(NOW.timestamp())))),
    body=st.sampled_from([BODY, BODY + b" "]),
)
@settings(max_examples=200, deadline=None)
def test_what_we_take_the_library_takes(signature: str, timestamp: str, body: bytes) -> None:
    headers = {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature}
    try:
        headers["webhook-signature"].encode("utf-8", "surrogateescape")
        Verifier.build(secrets=[NEW]).verify(headers, body, NOW)
    except (Unauthorised, UnicodeEncodeError):
        return
    assert body == BODY
    assert Webhook(NEW).sign("msg_1", NOW, BODY.decode()) in signature
    assert int(timestamp) == int(NOW.timestamp())


def test_secrets_rotate_without_a_gap() -> None:
    verifier = Verifier.build(secrets=[NEW, OLD])
    assert verifier.verify(signed(NEW), BODY, NOW).name == "standard-webhooks:1"
    assert verifier.verify(signed(OLD), BODY, NOW).name == "standard-webhooks:2"
    both = signed(OLD)
    both["webhook-signature"] = f"v1a,AAAA v1,AAAA {both['webhook-signature']} v2,x"
    assert verifier.verify(both, BODY, NOW).name == "standard-webhooks:2"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-id": "msg_2"}, "signature-wrong"),
        ({"webhook-id": ""}, "signature-headers"),
        ({"webhook-timestamp": ""}, "signature-headers"),
        ({"webhook-timestamp": "nan"}, "signature-headers"),
        ({"webhook-timestamp": "١٧٧٣"}, "signature-headers"),
        ({"webhook-timestamp": "9" * 400}, "signature-headers"),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, "signature-wrong"),
        ({"webhook-timestamp": "0"}, "signature-time"),
        ({"webhook-signature": ""}, "signature-wrong"),
        ({"webhook-signature": "v1,"}, "signature-wrong"),
        ({"webhook-signature": "v1,ü\udcff="}, "signature-wrong"),
    ],
)
def test_a_wrong_signature_refuses(change: dict[str, str], reason: str) -> None:
    with pytest.raises(Unauthorised) as error:
        Verifier.build(secrets=[NEW]).verify({**signed(NEW), **change}, BODY, NOW)
    assert error.value.reason == reason


@pytest.mark.parametrize("seconds", [-301, 301])
def test_five_minutes_either_way(seconds: int) -> None:
    verifier = Verifier.build(secrets=[NEW])
    at = NOW + timedelta(seconds=seconds)
    inside = NOW + timedelta(seconds=seconds // 301 * 300)
    verifier.verify(signed(NEW, at=inside), BODY, NOW)
    with pytest.raises(Unauthorised):
        verifier.verify(signed(NEW, at=at), BODY, NOW)
    with pytest.raises(WebhookVerificationError):  # the same limit as the library's, against its own clock
        Webhook(NEW).verify(
            BODY, signed(NEW, at=datetime.now(UTC) + timedelta(seconds=seconds + seconds // 301 * 5)), json_parse=False
        )


def test_a_wrong_signature_refuses_whatever_else_is_right() -> None:
    verifier = Verifier.build(secrets=[NEW], basic=["gc:pass"], genesys=["hub"], insecure=True)
    with pytest.raises(Unauthorised):
        verifier.verify({**signed(OLD), **basic("gc:pass")}, BODY, NOW)
    with pytest.raises(Unauthorised):
        verifier.verify({**signed(NEW), "x-hub-signature-256": "sha256=AAAA"}, BODY, NOW)


def test_what_would_prove_it_is_told_in_words() -> None:
    verifier = Verifier.build(secrets=[NEW], genesys=[], basic=["a:b"], api_keys=[])
    with pytest.raises(Unauthorised, match=r"takes a user and password or a signature \(Standard Webhooks\)\.$"):
        verifier.verify({}, BODY, NOW)


def test_any_one_scheme_suffices() -> None:
    hub = "sha256=" + base64.b64encode(hmac.new(b"hub", BODY, hashlib.sha256).digest()).decode()
    verifier = Verifier.build(
        secrets=[NEW], genesys=["old", "hub"], basic=["a:b:c", "gc:Gehöft"], api_keys=["X-Key: 1", "x-key: 2"]
    )
    assert verifier.verify({"x-hub-signature-256": hub}, BODY, NOW).name == "genesys:2"
    assert verifier.verify(basic("gc:Gehöft"), BODY, NOW).name == "basic:2"
    assert verifier.verify({"authorization": basic("a:b:c")["authorization"].lower()[:6] + "YTpiOmM="}, BODY, NOW)
    assert verifier.verify({"x-key": "2"}, BODY, NOW).name == "api-key:x-key:2"
    assert verifier.verify({**basic("wrong:one"), "x-key": "1"}, BODY, NOW).name == "api-key:x-key:1"


def test_an_api_key_may_be_the_authorization_header_itself() -> None:
    verifier = Verifier.build(api_keys=["Authorization: Bearer abc"])
    assert verifier.verify({"authorization": "Bearer abc"}, BODY, NOW)
    with pytest.raises(Unauthorised, match="not the ones"):
        verifier.verify({"authorization": "Bearer abd"}, BODY, NOW)


def test_a_signature_may_cover_the_body_as_sent_or_as_decompressed() -> None:
    verifier = Verifier.build(secrets=[NEW])
    assert verifier.verify(signed(NEW, body=b"packed"), BODY, NOW, b"packed")
    assert verifier.verify(signed(NEW), BODY, NOW, b"packed")
    with pytest.raises(Unauthorised):
        verifier.verify(signed(NEW, body=b"other"), BODY, NOW, b"packed")


@pytest.mark.parametrize("headers", [{}, basic("gc:pass"), signed(NEW), {"authorization": "Basic ?"}])
def test_nothing_configured_accepts_nobody(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorised):
        Verifier.build().verify(headers, BODY, NOW)
    assert Verifier.build(insecure=True).verify(headers, BODY, NOW).name == ""


@pytest.mark.parametrize("value", ["Basic", "Basic ", "Basic !!!", "Basic Z2M6cGFzcw", "Bearer Z2M6cGFzcw==", "\udcff"])
def test_junk_credentials_are_refused(value: str) -> None:
    with pytest.raises(Unauthorised):
        Verifier.build(basic=["gc:pass"]).verify({"authorization": value}, BODY, NOW)


def test_settings_that_cannot_work_are_named_without_their_value() -> None:
    for setting in (
        {"secrets": ["whsec_!"]},
        {"secrets": ["whsec_"]},
        {"basic": ["hidden"]},
        {"api_keys": ["hidden"]},
        {"genesys": [""]},
    ):
        with pytest.raises(FatalError, match="WEBHOOK_") as error:
            Verifier.build(**setting)
        assert "hidden" not in str(error.value)


def test_a_secret_without_padding_is_the_same_secret() -> None:
    assert secret_bytes(OLD.rstrip("=")) == secret_bytes(OLD)


def test_the_challenge_names_what_is_taken_and_only_that() -> None:
    assert Verifier.build(basic=["a:b"], secrets=[NEW]).challenge.startswith("Basic ")
    assert "Basic" not in Verifier.build(secrets=[NEW]).challenge
