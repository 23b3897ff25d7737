"""The commands as a newcomer meets them: help, exit codes, one line that says what to do, no secret anywhere."""

from __future__ import annotations

import argparse
import re
import signal
from base64 import b64encode
from datetime import UTC, datetime
from importlib import import_module

import orjson
import pytest

from processor.app.log import open_log
from processor.cli import COMMANDS, main
from processor.demo.processes import free_port
from processor.settings import load
from sandbox.names import EMAIL
from tests.e2e.centre import SECRETS, centre
from tests.e2e.payloads import GUIDE_SCHEDULE, presence
from tests.e2e.programs import BASIC, PASSWORD, child, commands, eventually, running


def helped(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def parsers(parser):
    """A command's own, and those of its actions."""
    yield parser
    for action in parser._actions:
        for name, inner in (action.choices or {}).items() if isinstance(action, argparse._SubParsersAction) else ():
            assert any(choice.dest == name and choice.help for choice in action._choices_actions), name
            yield from parsers(inner)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_each_of_its_options(name):
    root = argparse.ArgumentParser()
    import_module(f"processor.cli.{name.replace('-', '_')}").add(root.add_subparsers())
    (command,) = [one for one in parsers(root) if one.prog.endswith(f" {name}")]
    assert len(command.description) > 30, "a sentence under its usage"
    silent = [
        f"{one.prog} {action.dest}"
        for one in parsers(command)
        for action in one._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert silent == [], "these have no help"


def test_the_list_of_commands_says_one_line_for_each(capsys):
    said = helped(capsys)
    for name in COMMANDS:
        assert re.search(rf"^    {name}\s+\w+", said, re.MULTILINE), name


async def test_settings_that_are_wrong_are_named_and_refused(tmp_path):
    cases = (
        ({"RECIEVER_PORT": "1"}, "PROCESSOR_RECIEVER_PORT is no setting"),
        ({"RECEIVER_PORT": "many"}, "PROCESSOR_RECEIVER_PORT: "),
        ({"LOOP_MODE": "act"}, "LOOP_QUEUES"),
        ({}, "set WEBHOOK_BASIC"),
        ({"WEBHOOK_BASIC": BASIC, "LOG": "mysql://here"}, "sqlite:///FILE"),
        ({"WEBHOOK_BASIC": BASIC, "ADMIN_HOST": "0.0.0.0"}, "ADMIN_TOKEN"),
    )
    done = await commands(((["serve"], settings) for settings, _ in cases), tmp_path)
    for (settings, words), one in zip(cases, done, strict=True):
        assert (one.code, one.out) == (2, ""), (settings, one)
        assert words in one.err
        assert len([line for line in one.err.splitlines() if not line.startswith("{")]) == 1, one.err


async def test_usage_input_and_far_sides_have_their_codes(tmp_path):
    (tmp_path / "no.json").write_text("no json")
    settings = {"LOG": f"sqlite:///{tmp_path / 'events.db'}", "WEBHOOK_BASIC": BASIC}
    away = {"WFM_URL": f"http://127.0.0.1:{free_port()}", **settings}
    cases = (
        (2, ["fly"], settings, "invalid choice"),
        (2, ["queues", "freeze"], settings, "name the queues, or say --all"),
        (2, ["dead-letters", "replay"], settings, "--all"),
        (2, ["calendars"], settings, "PROCESSOR_CALENDAR_SECRET"),
        (2, ["reconcile", "--once"], settings, "PROCESSOR_GENESYS_CLIENT_ID"),
        (3, ["tail", "genesys.nothing"], settings, "the topics are genesys.raw"),
        (3, ["post", "no.json", "--envelope", "eventbridge"], settings, "no JSON"),
        (3, ["demo", "--seconds", "1"], settings, "at least 10"),
        (6, ["post", "no.json", "--url", f"http://127.0.0.1:{free_port()}/"], settings, "is the receiver running?"),
        (6, ["check"], away, ""),
        (3, ["post", "not-there.json"], settings, "not-there.json"),
    )
    done = await commands(((words, given) for _, words, given, _ in cases), tmp_path)
    for (code, words, _, said), one in zip(cases, done, strict=True):
        assert one.code == code, (words, one)
        assert said in one.err
        assert "Traceback" not in one.err
        assert PASSWORD not in one.out + one.err


async def test_a_sleeping_command_ends_in_order(tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT):
        async with running(tmp_path) as product:
            await product.post(presence("u-1", "BUSY", 1))
            words = ("tail", "raw", "--from", "beginning")
            async with child(*words, environment=product.environment) as reader:
                assert orjson.loads(await reader.stdout.readline())["topic"] == "genesys.raw"
                reader.send_signal(number)
                _, err = await reader.communicate()
            assert (reader.returncode, err) == (0, b"")


async def test_check_says_what_is_set_what_is_off_and_who_answers(tmp_path):
    async with centre(tmp_path) as (_, product):
        done = await product.command("check")
        assert done.code == 0, done.out
        assert "PROCESSOR_WEBHOOK_BASIC=***" in done.out
        assert re.search(r"^off: calendars over CalDAV \(set CALDAV_URL\)$", done.out, re.MULTILINE)
        assert re.search(r"^genesys: .*: organisation [0-9a-f-]{36}$", done.out, re.MULTILINE)
        assert re.search(r"^wfm: .*: listens", done.out, re.MULTILINE)
        assert re.search(r"^log: .*: takes appends$", done.out, re.MULTILINE)
        product.settings["GENESYS_CLIENT_SECRET"] = "not-the-right-one-at-all"
        done = await product.command("check")
        assert done.code in (5, 6)
        assert re.search(r"^genesys: .*(401|400|credentials)", done.out, re.MULTILINE)
        assert "not-the-right-one-at-all" not in done.out + done.err


async def test_the_log_is_copied_while_it_runs(tmp_path):
    async with running(tmp_path) as product:
        await product.post(presence("u-1", "BUSY", 1, name="kept"))
        await product.at_rest()
        done = await product.command("log", "backup", "copy.db")
        assert done.code == 0, done.err
        assert (await product.command("log", "backup", "copy.db")).code == 4, "a copy is never overwritten"
    async with open_log(load({"PROCESSOR_LOG": f"sqlite:///{tmp_path / 'copy.db'}"})) as log:
        spans = [await log.bounds("genesys.presence", partition) for partition in range(log.partitions)]
    assert sum(end - start for start, end in spans) == 1


def today():
    return datetime.now(UTC).date()


async def test_asking_for_everything_writes_only_what_differs(tmp_path):
    begun = today()
    async with centre(tmp_path, LOOP_MODE="off", VOLUME_POLL_SECONDS="3600") as (_, product):

        async def written():
            await product.at_rest()
            return [len(await product.topic(topic)) for topic in ("queues", "schedules", "shifts", "campaigns")]

        async def filled():
            return (await written())[0] >= 3

        await eventually(filled)
        while True:
            last, begun = begun, today()
            before = await written()
            done = await product.command("reconcile", "--once")
            assert done.code == 0, done.err
            assert re.match(r"\d+ look-ups handed in", done.out)
            after = await written()
            if today() == last:
                break  # else midnight has passed, and what reaches ahead does so by a day more
        assert after == before
        assert EMAIL.id in (await product.command("queues", "list")).out


async def test_no_secret_is_said_anywhere(tmp_path):
    """With every proof that callers and far sides use, right and wrong, and everything that is kept or said."""
    more = {
        "WEBHOOK_API_KEY": "X-Our-Key: secret-of-the-api-key",
        "WEBHOOK_SECRETS": "whsec_" + b64encode(b"secret-of-standard-webhooks-0001").decode(),
        "ADMIN_TOKEN": "secret-of-the-admin-port",
        "CALDAV_URL": f"http://127.0.0.1:{free_port()}/",
        "CALDAV_USER": "workforce",
        "CALDAV_PASSWORD": "secret-of-the-calendars",
    }
    async with centre(tmp_path, **more) as (sandbox, product):
        product.session.headers["Authorization"] = "Bearer secret-of-the-admin-port"
        for headers in (
            {"X-Our-Key": "secret-of-the-api-key"},
            {"X-Our-Key": "secret-of-the-api-key-but-wrong"},
            {"Authorization": "Bearer secret-of-the-admin-port"},
        ):
            await product.try_post(GUIDE_SCHEDULE, **headers)
        await product.post(b'{"password": 1}')
        async with product.session.post(f"{sandbox.genesys_url}/_sandbox/tokens", json={}) as answer:
            assert answer.status == 200
        await product.command("check")
        await product.command("reconcile", "--once")

        async def tried():
            return "calendars" in product.said or await product.topic("outcomes")

        await eventually(tried)
        topics = [line.split()[0] for line in (await product.command("topics")).out.splitlines()]
        kept = [orjson.dumps(await product.topic(name.removeprefix("genesys."))).decode() for name in topics]
        answers = [await product.ask(path) for path in ("/overview", "/queues", "/dead-letters")]
        everything = "".join([*kept, *map(str, answers), *product.heard, product.said])
        secrets = [value for name, value in {**more, **SECRETS}.items() if name not in ("CALDAV_URL", "CALDAV_USER")]
        secrets += ["secret-of-the-api-key", b64encode(BASIC.encode()).decode(), PASSWORD]
        assert [secret for secret in secrets if secret in everything] == []
