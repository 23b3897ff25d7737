from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from yarl import URL

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.authorise import Basic
from processor.clients.breaker import Unreachable
from processor.clients.proxies import Proxies
from processor.errors import FatalError, RefusedError

REGION = "mypurecloud.ie"
HOST = f"api.{REGION}"
ONCE = ApiPolicy(attempts=1, timeout=5)
PROXY = {"https": "http://proxy.example:3128", "http": "http://plain.example:3128", "no": "intern.example,10.0.0.7"}


@pytest.mark.parametrize(
    ("address", "through"),
    [
        (f"https://{HOST}/x", "http://proxy.example:3128"),
        (f"wss://streaming.{REGION}/x", "http://proxy.example:3128"),
        ("http://wfm.example/x", "http://plain.example:3128"),
        ("https://wfm.intern.example/x", None),
        ("https://intern.example:8443/x", None),
        ("https://nearintern.example/x", "http://proxy.example:3128"),
        ("http://10.0.0.7/x", None),
        ("http://127.0.0.1:8090/x", None),
        ("http://[::1]:8090/x", None),
        ("http://localhost:8090/x", None),
    ],
)
def test_which_way_an_address_is_reached(address: str, through: str | None) -> None:
    assert Proxies(PROXY).to(URL(address)) == (URL(through) if through else None)


def test_the_environment_says_it_and_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert Proxies.from_environment().to(URL(f"https://{HOST}")) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", f"login.{REGION}")
    found = Proxies.from_environment()
    assert found.to(URL(f"https://{HOST}")) == URL("http://proxy.example:3128")
    assert found.to(URL(f"https://login.{REGION}")) is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    with pytest.raises(FatalError, match="HTTPS_PROXY"):
        Proxies.from_environment()


def certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A private authority's file, and a server's context with a certificate of it for our host."""
    keys = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Our Proxy's Authority", HOST)]
    now = datetime.now(UTC)

    def issue(which: int, extension: x509.ExtensionType) -> bytes:
        made = x509.CertificateBuilder().subject_name(names[which]).issuer_name(names[0])
        made = made.public_key(keys[which].public_key()).serial_number(which + 1)
        made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        own = x509.SubjectKeyIdentifier.from_public_key(keys[which].public_key())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
        made = made.add_extension(own, critical=False).add_extension(authority, critical=False)
        made = made.add_extension(extension, critical=which == 0)
        return made.sign(keys[0], SHA256()).public_bytes(Encoding.PEM)

    authority, chain = folder / "ca.pem", folder / "server.pem"
    authority.write_bytes(issue(0, x509.BasicConstraints(ca=True, path_length=0)))
    private = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(private + issue(1, x509.SubjectAlternativeName([x509.DNSName(HOST)])))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return authority, context


@asynccontextmanager
async def genesys(context: ssl.SSLContext, seen: list[web.Request]) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        if request.path == "/socket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str("an event")
            await socket.close()
            return socket
        return web.json_response({"path": request.path})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def proxy(port: int, heads: list[str]) -> AsyncIterator[str]:
    """Takes CONNECT for any host and joins it to our server: only a proxy could know the way."""
    joined: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for pair in ((reader, there_writer), (there_reader, writer)):
            joined.add(asyncio.create_task(copy(*pair)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://corner:pass-word-9@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for task in joined:
        task.cancel()
    await asyncio.gather(*joined, return_exceptions=True)


async def test_through_a_proxy_and_a_private_authority(tmp_path: Path) -> None:
    authority, context = certificates(tmp_path)
    seen: list[web.Request] = []
    heads: list[str] = []
    async with genesys(context, seen) as port, proxy(port, heads) as address, open_session(authority) as session:
        proxies = Proxies({"https": address})
        api = Api("genesys", f"https://{HOST}", session, auth=Basic("a", "b"), policy=ONCE, proxies=proxies)
        assert (await api.request("GET", "/api/v2/thing")).json() == {"path": "/api/v2/thing"}
    assert heads[0].startswith(f"CONNECT {HOST}:443 ")
    proof = next(line for line in heads[0].splitlines() if line.startswith("Proxy-Authorization: Basic "))
    assert b64decode(proof.rpartition(" ")[2]) == b"corner:pass-word-9"
    assert seen[0].headers["Authorization"].startswith("Basic ")
    assert "Proxy-Authorization" not in seen[0].headers


async def test_without_the_authority_nobody_is_trusted(tmp_path: Path) -> None:
    _, context = certificates(tmp_path)
    seen: list[web.Request] = []
    async with genesys(context, seen) as port, proxy(port, []) as address, open_session() as session:
        api = Api("genesys", f"https://{HOST}", session, policy=ONCE, proxies=Proxies({"https": address}))
        with pytest.raises(Unreachable, match=r"TLS: its certificate is not trusted .*CA_FILE"):
            await api.request("GET", "/")
    assert not seen


async def test_a_socket_goes_the_same_way_and_needs_no_credentials_of_ours(tmp_path: Path) -> None:
    authority, context = certificates(tmp_path)
    seen: list[web.Request] = []
    heads: list[str] = []
    async with genesys(context, seen) as port, proxy(port, heads) as address:
        proxies = Proxies({"https": address})
        async with open_session(authority) as session:
            api = Api("genesys", f"https://{HOST}", session, auth=Basic("a", "b"), policy=ONCE, proxies=proxies)
            async with await api.socket(f"wss://{HOST}/socket", 5) as socket:
                assert await socket.receive_str(timeout=5) == "an event"
        async with open_session() as session:
            api = Api("genesys", f"https://{HOST}", session, policy=ONCE, proxies=proxies)
            with pytest.raises(Unreachable, match=r"TLS: its certificate is not trusted .*CA_FILE"):
                await api.socket(f"wss://{HOST}/socket", 5)
    assert [head.splitlines()[0] for head in heads] == [f"CONNECT {HOST}:443 HTTP/1.1"] * 2
    assert ["Authorization" in request.headers for request in seen] == [False]


async def test_a_proxy_that_is_not_there_is_named_without_its_password(unused_tcp_port: int) -> None:
    proxies = Proxies({"https": f"http://corner:pass-word-9@127.0.0.1:{unused_tcp_port}"})
    async with open_session() as session:
        api = Api("genesys", f"https://{HOST}", session, policy=ONCE, proxies=proxies)
        with pytest.raises(Unreachable, match=f"through the proxy 127.0.0.1:{unused_tcp_port}") as raised:
            await api.request("GET", "/")
    assert "pass-word-9" not in str(raised.value)
    assert not raised.value.sent


async def test_only_hosts_of_the_region_are_called_and_others_get_no_credentials(tmp_path: Path) -> None:
    authority, context = certificates(tmp_path)
    seen: list[web.Request] = []
    async with genesys(context, seen) as port, proxy(port, []) as address, open_session(authority) as session:
        home, proxies = f"https://login.{REGION}", Proxies({"https": address})
        api = Api("genesys", home, session, auth=Basic("a", "b"), policy=ONCE, proxies=proxies, region=REGION)
        await api.request("GET", f"https://{HOST}/download")
        for elsewhere in (f"http://{HOST}/x", "https://mypurecloud.ie.evil.example/x", f"https://not{REGION}/x"):
            with pytest.raises(RefusedError, match="not a configured host"):
                await api.request("GET", elsewhere)
    assert [request.path for request in seen] == ["/download"]
    assert "Authorization" not in seen[0].headers
