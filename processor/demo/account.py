"""The demo told so that a person can follow: what came in, what was done, and what the queue says to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from processor.demo.happenings import happened
from processor.demo.scene import Scene
from processor.errors import FatalError

LOOK_SECONDS = 0.5
SUMMARY_EVERY = 8
"""Looks between two lines of numbers."""


@dataclass(slots=True)
class Account:
    """Looks at the product's operations API and the sandbox's ledger, and says what is new."""

    scene: Scene
    say: Callable[[str], None]
    looks: int = 0
    said: set[str] = field(default_factory=set)
    told: str = ""
    """When the last thing that we told of happened; what we hear of later is told as of then."""

    def opening(self) -> None:
        """The addresses, and what is going to happen."""
        scene = self.scene
        self.say(f"""
  receiver          {scene.receiver}/webhooks/genesys   (events go in here)
  console, metrics  {scene.admin}/
  Genesys stand-in  {scene.genesys}
  WFM stand-in      {scene.wfm}
  calendar server   {scene.caldav}
  the log           {scene.log_file}

  Two hours of a contact centre pass in {scene.seconds:g} seconds. Watch the queue "Email Support".
""")

    async def tell(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except FatalError:
                self._once("away", "        the product is away; the sandbox goes on and sends again later")
            else:
                self.said.discard("away")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Say what is new, by the contact centre's clock. Raises FatalError when somebody does not answer."""
        ledger = await self.scene.ask(f"{self.scene.genesys}/_sandbox/summary")
        overview = await self.scene.ask(f"{self.scene.admin}/overview")
        clock = ledger["now"]
        for when, key, words in happened(ledger, overview["decisions"]):
            if key not in self.said:
                self.said.add(key)
                self.told = max(when, self.told)
                self.say(f"  {self.told[11:16]}  {words}")
        if self.looks % SUMMARY_EVERY == 0:
            self.told = max(clock, self.told)
            self.say(f"  {self.told[11:16]}  {_numbers(ledger, overview)}")
        self.looks += 1

    def _once(self, key: str, line: str) -> None:
        if key not in self.said:
            self.said.add(key)
            self.say(line)


def _numbers(ledger: dict[str, Any], overview: dict[str, Any]) -> str:
    counts = overview["counts"]
    email = next((queue for queue in ledger["queues"].values() if queue["name"] == "Email Support"), None)
    level = f"{email['serviceLevel']:.0%}" if email and email["serviceLevel"] is not None else "-"
    state = f"Email Support {email['offered']}/h, {level}, {email['waiting']} waiting" if email else ""
    lag = sum(group["lag"] or 0 for group in overview["groups"])
    return (
        f"{counts['received']} in, {counts['published']} clean, {counts['effects']} effects, "
        f"{lag} in work   |   {state}"
    )
