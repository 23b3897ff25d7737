"""`post FILE…`: sends recorded payloads to a receiver, as Genesys would, authenticated from the settings."""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from processor.clients.api import open_session
from processor.clients.refusals import why
from processor.errors import PoisonError, ProcessorError, RefusedError, RetryableError
from processor.event import instant
from processor.settings import Settings, SettingsError, load
from processor.signing import sign, sign_hub

EXAMPLE = "http://127.0.0.1:8080/webhooks/genesys"
LONGEST_ANSWER = 200
TIMEOUT = aiohttp.ClientTimeout(total=15)


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("post", help="send recorded payloads to a receiver", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a JSON file; - reads standard input")
    parser.add_argument("--url", help="default: the receiver of the settings")
    parser.add_argument(
        "--envelope",
        choices=("eventbridge", "notification", "plain"),
        default="plain",
        help="plain sends the file as it is; the others wrap it, with its topic from topicName",
    )
    parser.set_defaults(run=lambda options: asyncio.run(_post(options)))


async def _post(options: argparse.Namespace) -> int:
    settings = load()
    url = options.url or target(settings)
    async with open_session(settings.ca_file) as session:
        for file in options.files:
            body = wrap(_read(file), options.envelope)
            try:
                async with session.post(url, data=body, headers=headers(settings, body), timeout=TIMEOUT) as answer:
                    text = await answer.text()
            except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
                raise SettingsError(f"--url {url!r} is no web address such as {EXAMPLE}") from error
            except (aiohttp.ClientConnectionError, TimeoutError) as error:
                raise RetryableError(f"{url} does not answer: {why(error)}; is the receiver running?") from error
            if answer.status != 202:
                raise _refused(answer.status, f"{file}: {answer.status} {_said(text)}")
            print(text)
    return 0


def target(settings: Settings) -> str:
    """The receiver that these settings would start. Raises SettingsError when that has another port each time."""
    if settings.receiver_port == 0:
        raise SettingsError("RECEIVER_PORT=0 is another port at each start: name the receiver with --url")
    scheme = "https" if settings.receiver_tls_cert else "http"
    return f"{scheme}://{settings.receiver_host}:{settings.receiver_port}/webhooks/genesys"


def _said(text: str) -> str:
    """What a receiver of ours says of it, in a line; of whoever else answered the beginning."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or "detail" not in said:
        return " ".join(text.split())[:LONGEST_ANSWER]
    return " ".join(str(said[part]) for part in ("detail", "remedy") if said.get(part))


def _refused(status: int, text: str) -> ProcessorError:
    """By what the sender can do about it."""
    if status == 429 or status >= 500:
        return RetryableError(text)
    return RefusedError(text) if status == 401 else PoisonError(text)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise PoisonError(f"{file}: cannot be read: {error.strerror}") from error


def headers(settings: Settings, body: bytes) -> dict[str, str]:
    """The first credential that is set."""
    common = {"Content-Type": "application/json"}
    if settings.webhook_basic:
        pair = settings.webhook_basic[0].get_secret_value()
        return common | {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    if settings.webhook_api_key:
        name, _, value = settings.webhook_api_key[0].get_secret_value().partition(":")
        return common | {name.strip(): value.strip()}
    if settings.webhook_secrets:
        now, message = datetime.now(UTC), f"msg_{uuid.uuid4().hex}"
        secret = settings.webhook_secrets[0].get_secret_value()
        signature = sign(secret, message, now, body)
        return common | {
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
    if settings.webhook_genesys_secret:
        return common | {"X-Hub-Signature-256": sign_hub(settings.webhook_genesys_secret[0].get_secret_value(), body)}
    if settings.webhook_public_keys:
        raise SettingsError("a public key verifies but cannot sign: set WEBHOOK_BASIC or WEBHOOK_API_KEY to post")
    return common


def wrap(body: bytes, envelope: str) -> bytes:
    """Put a payload into an envelope. A whole envelope in the file is taken apart first."""
    if envelope == "plain":
        return body
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PoisonError(f"the file is no JSON: {error}") from error
    frame = payload.get("detail", payload) if isinstance(payload, dict) else {}
    if "topicName" not in frame:
        raise PoisonError("the payload has no topicName: send it with --envelope plain")
    now = instant(datetime.now(UTC))
    if envelope == "notification":
        return orjson.dumps({"version": "2", "metadata": {}, **{k: frame[k] for k in frame if k != "timestamp"}})
    return orjson.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": frame["topicName"],
            "source": "aws.partner/genesys.com/cloud/sample/post",
            "account": "000000000000",
            "time": now[:19] + "Z",
            "region": "us-east-1",
            "resources": [],
            "detail": {"version": "2", "metadata": {}, "timestamp": now, **frame},
        }
    )
