"""Our own receiver as Genesys's target, from the settings: what is asked for, and with which proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import orjson

from handlers.normalise.readers import OFFICIAL
from handlers.policy import Selection
from processor.app.farsides import organisation_api
from processor.app.log import open_log, utc_now
from processor.app.registration.dataaction import data_action
from processor.app.registration.eventbridge import Caller, cloudformation, terraform
from processor.app.registration.registrations import Registrations
from processor.clients.genesys.guide.webhooks import (
    Proof,
    Webhooks,
    queue_webhook,
    schedule_webhook,
    without_secrets,
)
from processor.clients.genesys.platform.triggers import Triggers, trigger
from processor.clients.genesys.registered import Registered
from processor.settings import Settings, SettingsError

PATH = "/webhooks/genesys"
TOPICS = tuple(sorted(topic for topic in OFFICIAL if topic.startswith("v2.") and not topic.startswith("v2.system.")))
"""What we understand: EventBridge carries whole families of topics, not single entities."""
TRIGGER_TOPICS = (
    "v2.users.{id}.activity",
    "v2.users.{id}.workforcemanagement.adherence",
    "v2.users.{id}.workforcemanagement.schedules",
    "v2.users.{id}.workforcemanagement.timeoffrequests",
)
"""Of these, the ones that process automation offers; audits are not among them."""
NO_WAY = (
    "the official API has no webhooks: --print cloudformation or --print terraform shows the way over EventBridge, "
    "--workflow ID makes triggers (their workflow: --print trigger), and serve --source channel needs no port at all"
)


async def register(settings: Settings, workflow: str | None, *, anew: bool = False) -> Sequence[Registered]:
    """Make it so at Genesys. Raises `SettingsError` for what is not set, `RefusedError` where Genesys refuses.

    `anew`: webhooks that the log remembers were removed by hand; only looked at where Genesys lists none.
    """
    guide = settings.genesys_dialect == "guide"
    if guide and workflow:
        raise SettingsError("--workflow is of the platform dialect: the guides have webhooks")
    if not guide and not workflow:
        raise SettingsError(NO_WAY)
    wanted = guide_webhooks(settings) if guide else [trigger(topic, workflow or "") for topic in TRIGGER_TOPICS]
    if not guide:
        receiver_url(settings)  # a trigger whose workflow has nowhere to post to helps nobody
    async with organisation_api(settings, utc_now) as api, AsyncExitStack() as stack:

        async def memory() -> Registrations:
            return Registrations(await stack.enter_async_context(open_log(settings)), utc_now)

        if guide:
            webhooks = Webhooks(api, memory)
            return [await webhooks.make(one, anew=anew) for one in wanted]
        return [await Triggers(api).make(one) for one in wanted]


def described(settings: Settings, form: str, workflow: str | None) -> str:
    """What would be set up, without secrets. `form` names one, or `all` of the dialect. Raises `SettingsError`."""
    forms: Mapping[str, Callable[[], str]]
    if settings.genesys_dialect == "guide":
        forms = {"webhooks": lambda: _text([without_secrets(one) for one in guide_webhooks(settings)])}
    else:
        forms = {
            "cloudformation": lambda: cloudformation(_secure(settings), caller(settings), TOPICS),
            "terraform": lambda: terraform(_secure(settings), caller(settings), TOPICS),
            "trigger": lambda: _text(_by_trigger(settings, workflow)),
        }
    if form == "all":
        return "\n".join(f"# {name}: register --print {name}\n\n{make()}" for name, make in forms.items())
    if form not in forms:
        raise SettingsError(f"--print {form} is not of this dialect: {', '.join(forms)}")
    return forms[form]()


def receiver_url(settings: Settings) -> str:
    """Where callers find us from outside. Raises `SettingsError` without `PUBLIC_URL`."""
    if not settings.public_url:
        raise SettingsError("set PUBLIC_URL: the address under which Genesys reaches the receiver, https://…")
    if not settings.public_url.startswith(("https://", "http://")):
        raise SettingsError(f"PUBLIC_URL must begin with https:// (or http://), found {settings.public_url!r}")
    return settings.public_url.rstrip("/").removesuffix(PATH) + PATH


def guide_webhooks(settings: Settings) -> Sequence[dict[str, Any]]:
    """Both of the guides' registrations. Raises `SettingsError` for a proof that a form cannot carry."""
    url, basic, key = receiver_url(settings), _pair(settings.webhook_basic), _pair(settings.webhook_api_key)
    if basic is None or key is None:
        raise SettingsError(
            "set WEBHOOK_BASIC (webhooks for schedules prove themselves by user and password only) "
            "and WEBHOOK_API_KEY (webhooks for queues by a header)"
        )
    queues = tuple(sorted(Selection.parse(settings.loop_queues).ids))
    return (
        schedule_webhook(url, Proof(user=basic[0], password=basic[1])),
        queue_webhook(url, queues, Proof(headers={key[0]: key[1]})),
    )


def caller(settings: Settings) -> Caller:
    """The header where there is one, else the user. Raises `SettingsError` when nobody could prove himself."""
    if key := _pair(settings.webhook_api_key):
        return Caller(header=key[0])
    if basic := _pair(settings.webhook_basic):
        return Caller(user=basic[0])
    raise SettingsError("set WEBHOOK_API_KEY or WEBHOOK_BASIC: that is how the caller proves who it is")


def _pair(secrets: Sequence[Any]) -> tuple[str, str] | None:
    """The first `name:value` of a setting."""
    if not secrets:
        return None
    name, _, value = secrets[0].get_secret_value().partition(":")
    return name.strip(), value.strip()


def _secure(settings: Settings) -> str:
    url = receiver_url(settings)
    if not url.startswith("https://"):
        raise SettingsError("EventBridge posts to https only: PUBLIC_URL must begin with https://")
    return url


def _by_trigger(settings: Settings, workflow: str | None) -> dict[str, Any]:
    """The workflow between the two is made in Architect: it hands topic and body to the data action."""
    triggers = [trigger(topic, workflow or "the workflow's id") for topic in TRIGGER_TOPICS]
    return {"triggers": triggers, "dataAction": data_action(receiver_url(settings), caller(settings))}


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"
