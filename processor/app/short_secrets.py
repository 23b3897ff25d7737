"""Secrets that are too short to be secrets: they are taken as they are, and told of at start and by `check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pydantic import SecretStr

from processor.settings import Settings
from processor.signing import secret_bytes

SIGNING_BYTES = 24
"""The least that Standard Webhooks asks for (the most is 64)."""
OTHER_BYTES = 12
"""Of passwords, tokens and keys; fewer can be found by trying."""


def short_secrets(settings: Settings) -> list[str]:
    """One sentence each, with its place and never its value.

    Only of those that let somebody in here or sign what we send: other systems' passwords are theirs to choose.
    """
    return [
        *_signing("WEBHOOK_SECRETS", settings.webhook_secrets),
        *_signing("WFM_SECRET", [settings.wfm_secret]),
        *_signing("ESCALATION_SECRET", [settings.escalation_secret]),
        *(
            said
            for name, one in settings.destinations.items()
            for said in _signing(f"destinations: {name}", [one.secret])
        ),
        *_others("WEBHOOK_BASIC", settings.webhook_basic, _after_colon),
        *_others("WEBHOOK_API_KEY", settings.webhook_api_key, _after_colon),
        *_others("WEBHOOK_GENESYS_SECRET", settings.webhook_genesys_secret),
        *_others("ADMIN_TOKEN", [settings.admin_token]),
        *_others("CALENDAR_SECRET", [settings.calendar_secret]),
    ]


def _signing(name: str, secrets: Sequence[SecretStr | None]) -> Iterator[str]:
    advice = (
        f"Standard Webhooks asks for {SIGNING_BYTES} to 64; make one: whsec_ and what `openssl rand -base64 32` prints"
    )
    return _short(name, secrets, secret_bytes, SIGNING_BYTES, advice)


def _others(name: str, secrets: Sequence[SecretStr | None], part: Callable[[str], str] = str) -> Iterator[str]:
    advice = "it can be found by trying; make one: `openssl rand -hex 32`"
    return _short(name, secrets, lambda secret: part(secret).encode(), OTHER_BYTES, advice)


def _short(
    name: str, secrets: Sequence[SecretStr | None], key: Callable[[str], bytes], least: int, advice: str
) -> Iterator[str]:
    for number, secret in enumerate(secrets, 1):
        try:
            short = secret is not None and len(key(secret.get_secret_value())) < least
        except ValueError:  # none at all: refused where it is used
            continue
        if short:
            place = f"{name}, value {number}" if len(secrets) > 1 else name
            yield f"{place} has fewer than {least} bytes: {advice}"


def _after_colon(entry: str) -> str:
    """Of `user:password` and `Header-Name: value` what has to stay unknown."""
    return entry.partition(":")[2].strip()
