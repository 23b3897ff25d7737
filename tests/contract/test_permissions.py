"""What `check` says of permissions: needed, held, missing; and whether the tables say what the calls really need."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import handlers
from handlers.requests.kinds import KINDS
from handlers.requests.operating_hours import Hours
from processor.app.errands.permissions import Right, parts, rights
from processor.app.log import utc_now
from processor.app.policy import policy
from processor.cli import check
from processor.clients.genesys.permissions import GUIDE, PLATFORM, Need, covers, granted, scopes_in
from processor.settings import Settings, load
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.contract.jobsdesk import desk
from tests.unit.farside import api_to, said

both = pytest.mark.parametrize("dialect", ["platform", "guide"])
TABLES: Mapping[str, Mapping[str, tuple[Need, ...]]] = {"platform": PLATFORM, "guide": GUIDE}
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
BRAKES = {"queue-freeze", "queue-resume"}
LOST = {"platform": "routing:skill:assign", "guide": "routing:write"}


def settings(sandbox: Sandbox, dialect: str, folder: Path, **more: Any) -> Settings:
    url = sandbox.genesys_url
    names = {
        "GENESYS_DIALECT": dialect,
        "GENESYS_API_URL": url,
        "GENESYS_LOGIN_URL": url,
        "GENESYS_CLIENT_ID": sandbox.options.client_id,
        "GENESYS_CLIENT_SECRET": sandbox.options.client_secret,
        "LOG": f"sqlite:///{folder}/events.db",
        **more,
    }
    return load({f"PROCESSOR_{name}": value for name, value in names.items()})


def options(dialect: str) -> Options:
    return Options(port=0, wfm_port=0, quiet=True, dialect=dialect, rate_limit=100_000)


@both
async def test_what_is_missing_is_named_by_the_part_that_lacks_it(dialect: str, tmp_path: Path) -> None:
    async with running(options(dialect)) as sandbox:
        known = settings(sandbox, dialect, tmp_path, LOOP_MODE="act", LOOP_QUEUES="q-1", PUBLIC_URL="https://x.example")
        found = {right.job: right for right in await rights(known, utc_now)}
        assert found.keys() == TABLES[dialect].keys()
        assert not [right for right in found.values() if right.missing]
        sandbox.guard.missing.add(LOST[dialect])
        lacking = {right.job: right for right in await rights(known, utc_now)}["presence"]
    assert lacking.missing == ((LOST[dialect],),)
    assert lacking.held == tuple(need for need in lacking.needed if need != (LOST[dialect],))
    assert f"missing: {LOST[dialect]}" in lacking.said()


@both
async def test_the_command_lists_them_and_fails_for_what_the_settings_ask_for(
    dialect: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(options(dialect)) as sandbox:
        known = settings(sandbox, dialect, tmp_path)
        assert await check._check(known) == 0
        told = capsys.readouterr().out
        assert "permissions: presence: needs and holds" in told
        assert "missing" not in told
        sandbox.guard.missing.add(LOST[dialect])
        assert await check._check(known) == 0, "a kind of request that nobody may ever hand in"
        assert f"missing: {LOST[dialect]}" in capsys.readouterr().out
        sandbox.guard.missing.add({"platform": "routing:schedule:view", "guide": "schedule:read"}[dialect])
        assert await check._check(known) == 5
        told = capsys.readouterr().out
        assert "permissions: look-up: " in told
        assert sandbox.options.client_secret not in told
    assert check.REMEDY[dialect] in told


def test_what_the_settings_ask_for_by_name_must_be_permitted() -> None:
    acting = load({}, loop_mode="act", loop_queues=["q-1"], public_url="https://x.example")
    assert dict(parts(acting)) == {
        **dict.fromkeys(("look-up", "volume", "loop"), True),
        **dict.fromkeys(("register", *sorted(KINDS.keys() - BRAKES)), False),
    }
    seeing = dict(parts(load({})))
    assert (seeing["loop"], "register" in seeing) == (False, False)


async def test_a_role_that_may_not_be_seen_is_said_so(tmp_path: Path) -> None:
    async with running(options("platform")) as sandbox:
        sandbox.guard.missing.add("authorization:role:view")
        (first, *_) = await rights(settings(sandbox, "platform", tmp_path), utc_now)
    assert first == Right("look-up", PLATFORM["look-up"], None, demanded=True)
    assert "does not say which are held" in first.said()
    assert first.missing == ()


async def test_permissions_are_read_from_the_grant_where_it_has_them() -> None:
    policies = [
        {"domain": "routing", "entityName": "queue", "actions": ["view", "edit"]},
        {"domain": "wfm", "entityName": "*", "actions": ["*"]},
        {"domain": "audits"},
    ]
    grants = [{"role": {"id": "r-1", "policies": policies}}, {"role": {"id": "r-1", "policies": policies}}, {}]
    async with api_to(lambda _: said(200, {"grants": grants})) as (api, far):
        held = await granted(api)
        assert len(far.asked) == 1
    assert held == {"routing:queue:view", "routing:queue:edit", "wfm:*:*", "audits:*:*"}
    assert held is not None
    assert covers(held, ("outbound:schedule:view", "wfm:schedule:view"))
    assert covers(held, ("audits:audit:view",))
    assert not covers(held, ("routing:queue:delete", "routing:skill:view"))
    assert not covers({"routing:*"}, ("routing:queue:view",))


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "presence:read presence:write"}, {"presence:read", "presence:write"}),
        ({"scope": ["presence:read"]}, {"presence:read"}),
        ({"sub": "x"}, None),
        (["presence:read"], None),
    ],
)
def test_a_token_that_is_a_jwt_tells_its_scopes(claims: Any, scopes: set[str] | None) -> None:
    middle = urlsafe_b64encode(orjson.dumps(claims)).decode().rstrip("=")
    assert scopes_in(f"Bearer e30.{middle}.c2ln") == scopes


@pytest.mark.parametrize("token", ["Bearer opaque", "Bearer a.b.c", "Bearer a.é.c", "", "Bearer ..", "Bearer a.////.c"])
def test_any_other_token_tells_nothing(token: str) -> None:
    assert scopes_in(token) is None


@both
async def test_the_table_covers_every_call_that_the_examples_make(dialect: str) -> None:
    """Each example is planned and carried out; every operation asked for must be in the row of its kind."""
    for kind in sorted(KINDS.keys() - BRAKES):
        file = EXAMPLES / f"{kind}.{dialect}.yaml"
        said_there = yaml.safe_load(file.read_text(encoding="utf-8"))
        for fields in said_there if isinstance(said_there, list) else [said_there]:
            asked = KINDS[kind].read({name: value for name, value in fields.items() if name != "kind"})
            async with desk(dialect) as there:
                rules = handlers.configures(policy(load({})), there.jobs, there.clock.now)[kind]
                await rules.carry_out(asked, await rules.plan(asked), started=False)
                needed = {(route.method, route.path): route.any_of for route in there.sandbox.routes()}
                called = {needed[call.method, call.template] for call in there.sandbox.guard.seen}
            for any_of in filter(None, called):
                assert [need for need in TABLES[dialect][kind] if set(need) & set(any_of)], (kind, any_of)


@both
def test_the_table_names_nothing_that_no_operation_needs(dialect: str) -> None:
    known = {permission for route in Sandbox(options(dialect)).routes() for permission in route.any_of}
    for job, needs in TABLES[dialect].items():
        for need in needs:
            assert set(need) & known, (job, need)


def test_operating_hours_of_the_settings_reach_the_rules() -> None:
    assert policy(load({"PROCESSOR_OPERATING_HOURS": "22:00-06:00"})).operating_hours == Hours.read("22:00-06:00")
    assert policy(load({})).operating_hours == Hours()
    with pytest.raises(Exception, match="OPERATING_HOURS"):
        load({"PROCESSOR_OPERATING_HOURS": "25:00-06:00"})
