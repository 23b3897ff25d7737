"""Who takes part in the demo: calendar server, contact centre, product; and what may happen to them."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from processor.demo.processes import Program, calendar_server, free_port
from processor.errors import FatalError

SIMULATED_SECONDS = 7200
"""The sandbox's day at the demo: two hours, in which the busy one lies."""
CALENDAR_USER = "workforce"
WATCHED = "Email Support"
"""The queue that the loop may touch; the guides' API lists none, so there it is named by its id."""
TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(slots=True)
class Scene:
    """All programs of one demo, in a folder of its own, on free ports of loopback."""

    folder: Path
    seed: int
    seconds: float
    session: aiohttp.ClientSession
    dialect: str = "platform"
    genesys: str = ""
    wfm: str = ""
    receiver: str = ""
    admin: str = ""
    caldav: str = ""
    programs: list[Program] = field(default_factory=list)
    product: Program | None = None

    @property
    def log_file(self) -> Path:
        """The product's embedded log."""
        return self.folder / "events.db"

    async def start(self) -> None:
        """Calendar server, contact centre, then the product; the addresses are known afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        password = secrets.token_urlsafe(12)
        receiver_port, calendar_port = free_port(), free_port()
        self.receiver = f"http://127.0.0.1:{receiver_port}"
        self.caldav = f"http://127.0.0.1:{calendar_port}/{CALENDAR_USER}/"
        await self._run(calendar_server(self.folder, calendar_port, CALENDAR_USER, password))
        centre = await self._run(self._centre(password))
        self.genesys, self.wfm = centre["genesys"], centre["wfm"]
        self.product = Program("product", ["-m", "processor", "serve"], self.folder)
        self.product.environment = await self._settings(centre, password, receiver_port)
        ready = await self._run(self.product)
        self.admin = ready["admin"]
        if self.dialect == "guide":
            await self._register()

    async def _register(self) -> None:
        """Nobody calls before he is asked to. Raises `FatalError` with the command's last words."""
        if self.product is None:
            raise FatalError("the product was not started")
        register = Program(
            "register", ["-m", "processor", "register"], self.folder, self.product.environment, says_ready=False
        )
        await register.start()
        if await register.finished() != 0:
            raise FatalError(f"the receiver could not be registered: {register.last_words()}")

    async def _run(self, program: Program) -> dict[str, Any]:
        self.programs.append(program)
        return await program.start()

    def _centre(self, password: str) -> Program:
        arguments = [
            *("-m", "processor", "sandbox", "--port", "0", "--wfm-port", "0", "--seed", str(self.seed)),
            *("--speed", f"{SIMULATED_SECONDS / self.seconds:g}", "--catch-up", f"{self.seconds:g}"),
            *("--dialect", self.dialect),
        ]
        if self.dialect == "platform":
            arguments += ["--target", f"{self.receiver}/webhooks/genesys"]
        return Program("sandbox", arguments, self.folder, {"PROCESSOR_WEBHOOK_BASIC": f"genesys:{password}"})

    async def _settings(self, centre: dict[str, Any], password: str, receiver_port: int) -> dict[str, str]:
        organisation = await self.ask(f"{self.genesys}/_sandbox/organisation")
        config = self.folder / "config.yaml"
        rule = {"cooldown_minutes": 6, "recover_minutes": 4}
        guide = self.dialect == "guide"
        written = {"loop_rule": rule} if guide else {"loop_pools": organisation["pool"], "loop_rule": rule}
        config.write_text(yaml.safe_dump(written), encoding="utf-8")
        queues = {queue["name"]: queue["id"] for queue in organisation["queues"]}
        return {
            "PROCESSOR_GENESYS_DIALECT": self.dialect,
            "PROCESSOR_PUBLIC_URL": self.receiver,
            "PROCESSOR_WEBHOOK_API_KEY": f"X-Api-Key: {password}",
            "PROCESSOR_CONFIG": str(config),
            "PROCESSOR_LOG": f"sqlite:///{self.log_file}",
            "PROCESSOR_RECEIVER_PORT": str(receiver_port),
            "PROCESSOR_ADMIN_PORT": str(free_port()),
            "PROCESSOR_WEBHOOK_BASIC": f"genesys:{password}",
            "PROCESSOR_GENESYS_API_URL": centre["genesys"],
            "PROCESSOR_GENESYS_LOGIN_URL": centre["login"],
            "PROCESSOR_GENESYS_CLIENT_ID": centre["client_id"],
            "PROCESSOR_GENESYS_CLIENT_SECRET": centre["client_secret"],
            "PROCESSOR_WFM_URL": centre["wfm"],
            "PROCESSOR_WFM_SECRET": centre["wfm_secret"],
            "PROCESSOR_ESCALATION_URL": centre["wfm"] + "/escalations",
            "PROCESSOR_ESCALATION_SECRET": centre["wfm_secret"],
            "PROCESSOR_CALDAV_URL": self.caldav,
            "PROCESSOR_CALDAV_USER": CALENDAR_USER,
            "PROCESSOR_CALDAV_PASSWORD": password,
            "PROCESSOR_HORIZON_WEEKS": "2",
            "PROCESSOR_CALENDAR_SECRET": secrets.token_urlsafe(24),
            "PROCESSOR_LOOP_MODE": "act",
            "PROCESSOR_LOOP_QUEUES": queues[WATCHED] if guide else f"name:{WATCHED}",
            "PROCESSOR_VOLUME_POLL_SECONDS": f"{max(0.5, self.seconds / 60):g}",
            "PROCESSOR_GENESYS_REQUESTS_PER_MINUTE": f"{max(300, round(300 * SIMULATED_SECONDS / self.seconds))}",
        }

    async def ask(self, url: str) -> Any:
        """A JSON answer. Raises `FatalError` when there is none."""
        try:
            async with self.session.get(url, timeout=TIMEOUT) as answer:
                return orjson.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise FatalError(f"{url} does not answer: {error}") from error

    async def tell(self, path: str, body: dict[str, Any]) -> None:
        """A control call to the sandbox."""
        async with self.session.post(f"{self.genesys}/_sandbox/{path}", json=body, timeout=TIMEOUT) as answer:
            if answer.status != 200:
                raise FatalError(f"the sandbox refused {path}: {await answer.text()}")

    async def kill_and_restart(self) -> None:
        """The product dies as if the machine had lost power, and is started again."""
        if self.product is None:
            raise FatalError("the product was not started")
        await self.product.kill()
        self.admin = (await self.product.start())["admin"]

    async def end(self) -> int | None:
        """The product drains first; its exit code. Then the others end."""
        code = await self.product.end() if self.product else None
        await asyncio.gather(*(program.end() for program in self.programs))
        return code
