"""Signatures by key pair (`v1a`), the older spelling of the headers, and both kinds side by side."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from svix.webhooks import Webhook as Svix

from processor.errors import FatalError
from processor.signatures import KEY_PAIR_SIGNATURES_AT_MOST, Unauthorised, Verifier
from processor.signing import sign

NOW = datetime(2026, 3, 9, 13, 0, 4, tzinfo=UTC)
BODY = '{"name":"Zoë"}'.encode()
SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes....").decode()
# RFC 8032, section 7.1, test 2
RFC_KEY = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
RFC_PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
OLD, NEW = Ed25519PrivateKey.from_private_bytes(b"o" * 32), Ed25519PrivateKey.from_private_bytes(RFC_KEY)


def whpk(key: Ed25519PrivateKey) -> str:
    return "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def v1a(key: Ed25519PrivateKey, body: bytes = BODY, message_id: str = "msg_1") -> str:
    signed = key.sign(f"{message_id}.{int(NOW.timestamp())}.".encode() + body)
    return "v1a," + base64.b64encode(signed).decode()


def headers(signature: str, spelling: str = "webhook-", message_id: str = "msg_1") -> dict[str, str]:
    stamp = str(int(NOW.timestamp()))
    return {f"{spelling}id": message_id, f"{spelling}timestamp": stamp, f"{spelling}signature": signature}


def test_the_key_is_the_standards() -> None:
    assert whpk(NEW) == "whpk_" + base64.b64encode(RFC_PUBLIC).decode()
    assert Verifier.build(public_keys=[whpk(NEW)]).verify(headers(v1a(NEW)), BODY, NOW).message_id == "msg_1"


def test_keys_rotate_without_a_gap_and_the_metric_shows_which() -> None:
    verifier = Verifier.build(public_keys=[whpk(NEW), whpk(OLD).rstrip("=")])
    assert verifier.verify(headers(v1a(NEW)), BODY, NOW).name == "standard-webhooks-key:1"
    assert verifier.verify(headers(v1a(OLD)), BODY, NOW).name == "standard-webhooks-key:2"
    assert verifier.verify(headers(f"v1,AAAA {v1a(NEW)} v1a,AAAA"), BODY, NOW).name == "standard-webhooks-key:1"


def test_secrets_and_key_pairs_side_by_side() -> None:
    verifier = Verifier.build(secrets=[SECRET], public_keys=[whpk(NEW)])
    by_secret = sign(SECRET, "msg_1", NOW, BODY)
    assert verifier.verify(headers(by_secret), BODY, NOW).name == "standard-webhooks:1"
    assert verifier.verify(headers(f"{v1a(OLD)} {by_secret}"), BODY, NOW).name == "standard-webhooks:1"
    assert verifier.verify(headers(v1a(NEW)), BODY, NOW).name == "standard-webhooks-key:1"


@pytest.mark.parametrize(
    "signature",
    [
        v1a(OLD),
        v1a(NEW, BODY + b" "),
        v1a(NEW, message_id="msg_2"),
        v1a(NEW).replace("v1a,", "v1,"),
        v1a(NEW).removesuffix("=="),
        v1a(NEW)[:40],
        "v1a,",
        "v1a",
        "",
        sign(SECRET, "msg_1", NOW, BODY),
        " ".join(["v1a," + base64.b64encode(b"x" * 64).decode()] * KEY_PAIR_SIGNATURES_AT_MOST + [v1a(NEW)]),
    ],
)
def test_wrong_is_refused(signature: str) -> None:
    with pytest.raises(Unauthorised) as error:
        Verifier.build(public_keys=[whpk(NEW)], basic=["a:b"]).verify(headers(signature), BODY, NOW)
    assert error.value.reason == "signature-wrong"


@given(signature=st.binary(max_size=80), body=st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_no_bytes_pass_by_chance(signature: bytes, body: bytes) -> None:
    sent = headers("v1a," + base64.b64encode(signature).decode())
    with pytest.raises(Unauthorised):
        Verifier.build(public_keys=[whpk(NEW)]).verify(sent, body, NOW)


@pytest.mark.parametrize("key", ["whpk_!!", "whpk_AAAA", SECRET])
def test_a_key_that_is_none_is_named(key: str) -> None:
    with pytest.raises(FatalError, match="WEBHOOK_PUBLIC_KEYS, value 1") as error:
        Verifier.build(public_keys=[key])
    assert key not in str(error.value)


@given(body=st.text(alphabet=st.characters(exclude_categories=["Cs"])), key=st.binary(min_size=1, max_size=64))
@settings(max_examples=60, deadline=None)
def test_what_svix_signs_is_taken_by_its_own_names_and_ours_by_svix(body: str, key: bytes) -> None:
    secret, now = "whsec_" + base64.b64encode(key).decode(), datetime.now(UTC)
    theirs = Svix(secret).sign("msg_1", now, body)
    assert theirs == sign(secret, "msg_1", now, body.encode())
    for spelling in ("svix-", "webhook-"):
        sent = {**headers(theirs, spelling), f"{spelling}timestamp": str(int(now.timestamp()))}
        assert Verifier.build(secrets=[secret]).verify(sent, body.encode(), now).message_id == "msg_1"
        Svix(secret).verify(body, sent)


def test_both_spellings_must_be_right_when_both_are_there() -> None:
    verifier = Verifier.build(secrets=[SECRET])
    right = sign(SECRET, "msg_1", NOW, BODY)
    assert verifier.verify(headers(right) | headers(right, "svix-"), BODY, NOW)
    for wrong in ({"svix-id": "msg_2"}, {"webhook-id": "msg_2"}):
        with pytest.raises(Unauthorised):
            verifier.verify(headers(right) | headers(right, "svix-") | wrong, BODY, NOW)


def test_what_must_be_read_before_it_can_be_judged() -> None:
    verifier = Verifier.build(public_keys=[whpk(NEW)], basic=["a:b"])
    assert verifier.signed({"svix-signature": ""})
    assert not verifier.signed({"x-hub-signature-256": "x"})  # no secret of that kind: it proves nothing
    assert not Verifier.build(genesys=["x"]).signed({"webhook-signature": "v1,x"})
