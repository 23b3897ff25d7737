"""One real broker that must be talked to in five ways: passwords, SCRAM, TLS, client certificates, tokens."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from processor.devkafka.cluster import Extras, cluster
from processor.devkafka.plan import HOST, draw, free_ports
from tests.kafkabroker import had

USER, PASSWORD = "app", "app-secret"
LIMITED, LIMITED_PASSWORD = "limited", "limited-secret"
"""May do what somebody permits him; all others may do everything."""
MODULES = "org.apache.kafka.common.security"
PEM, PKCS8, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


@dataclass(frozen=True)
class Secured:
    """Where each way leads, and what a client needs for it. `user` and `password` serve PLAIN and SCRAM."""

    plain: str
    scram: str
    tls: str
    mtls: str
    oauth: str
    unsecured: str
    folder: Path
    signer: rsa.RSAPrivateKey
    user: str = USER
    password: str = PASSWORD

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def cert_file(self) -> Path:
        return self.folder / "client.pem"

    @property
    def key_file(self) -> Path:
        return self.folder / "client.key"

    def token(self, audience: str = "kafka", lifetime: float = 3600, subject: str = USER) -> str:
        """A signed token as the OAUTH listener takes it; with another audience or no life left it refuses it."""
        now = time.time()
        claims = {"iss": "test", "aud": audience, "sub": subject, "iat": now - 1, "exp": now + lifetime}
        text = f"{_part({'alg': 'RS256', 'kid': 'one', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{text}.{_letters(self.signer.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _part(value: object) -> str:
    return _letters(json.dumps(value).encode())


def certificates(folder: Path) -> None:
    """An authority, and what it says of the broker and of a client."""
    now = datetime.now(UTC)
    ca_key, ca_name = ec.generate_private_key(ec.SECP256R1()), _name("test authority")

    def issue(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        build = x509.CertificateBuilder().subject_name(_name(name)).issuer_name(ca_name).public_key(key.public_key())
        build = build.serial_number(x509.random_serial_number())
        build = build.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        build = build.add_extension(x509.BasicConstraints(ca=key is ca_key, path_length=None), critical=True)
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST)), x509.DNSName("localhost")])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        for extension in (names, authority, own):
            build = build.add_extension(extension, critical=False)
        return build.sign(ca_key, hashes.SHA256())

    ca = issue("test authority", ca_key).public_bytes(PEM)
    (folder / "ca.pem").write_bytes(ca)
    for name in ("broker", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = issue(name, key).public_bytes(PEM)
        private = key.private_bytes(PEM, PKCS8, PLAIN)
        (folder / f"{name}.pem").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(private)
        (folder / f"{name}.keystore.pem").write_bytes(private + certificate + ca)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_set(folder: Path, signer: rsa.RSAPrivateKey) -> Path:
    numbers = signer.public_key().public_numbers()
    parts = {
        name: _letters(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        for name, number in (("n", numbers.n), ("e", numbers.e))
    }
    file = folder / "jwks.json"
    key = {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", **parts}
    file.write_text(json.dumps({"keys": [key]}), encoding="utf-8")
    return file


def _properties(folder: Path, keys: str) -> dict[str, str]:
    protocols = {
        "CONTROLLER": "PLAINTEXT",
        "PLAINTEXT": "PLAINTEXT",
        "SASLPLAIN": "SASL_PLAINTEXT",
        "SASLSCRAM": "SASL_SSL",
        "TLS": "SSL",
        "MTLS": "SSL",
        "OAUTH": "SASL_PLAINTEXT",
    }
    plain, scram, oauth = "listener.name.saslplain", "listener.name.saslscram", "listener.name.oauth"
    users = " ".join(f'user_{name}="{word}"' for name, word in ((USER, PASSWORD), (LIMITED, LIMITED_PASSWORD)))
    return {
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        f"{plain}.sasl.enabled.mechanisms": "PLAIN",
        f"{plain}.plain.sasl.jaas.config": f"{MODULES}.plain.PlainLoginModule required {users};",
        f"{scram}.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
        f"{scram}.scram-sha-256.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
        f"{scram}.scram-sha-512.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
        f"{oauth}.sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{oauth}.oauthbearer.sasl.jaas.config": f"{MODULES}.oauthbearer.OAuthBearerLoginModule required;",
        f"{oauth}.oauthbearer.sasl.server.callback.handler.class": f"{MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler",
        f"{oauth}.sasl.oauthbearer.jwks.endpoint.url": keys,
        f"{oauth}.sasl.oauthbearer.expected.audience": "kafka",
        f"{oauth}.sasl.oauthbearer.expected.issuer": "test",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.keystore.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.mtls.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{USER};User:CN=client",
    }


@contextmanager
def _secured(folder: Path) -> Iterator[Secured]:
    certificates(folder)
    signer = rsa.generate_private_key(65537, 2048)
    keys = _key_set(folder, signer).as_uri()
    plan = draw(1)
    taken = [int(address.rpartition(":")[2]) for seat in plan.seats for address in (seat.address, seat.controller)]
    names = ("SASLPLAIN", "SASLSCRAM", "TLS", "MTLS", "OAUTH")
    ways = {name: f"{HOST}:{port}" for name, port in zip(names, free_ports(len(names), taken), strict=True)}
    extras = Extras(
        listeners=[f"{name}://{address}" for name, address in ways.items()],
        properties=_properties(folder, keys),
        users=[f"{scheme}=[name={USER},password={PASSWORD}]" for scheme in ("SCRAM-SHA-256", "SCRAM-SHA-512")],
        java_flags=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"],
    )
    with cluster(folder, plan, extras) as running:
        yield Secured(
            ways["SASLPLAIN"],
            ways["SASLSCRAM"],
            ways["TLS"],
            ways["MTLS"],
            ways["OAUTH"],
            running.bootstrap,
            folder,
            signer,
        )


@pytest.fixture(scope="session")
def kafka_secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One broker of our own with a listener for each way to log in."""
    with had(_secured(tmp_path_factory.mktemp("kafka-secured"))) as secured:
        yield secured
