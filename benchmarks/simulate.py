"""How fast is the routing simulator? 100,000 contacts, 500 agents, 20 rules: python benchmarks/simulate.py."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from handlers.simulate.distribution import as_data, as_picture
from handlers.simulate.routing import simulate
from handlers.simulate.simulation import Simulation
from processor.drawing.png import png
from processor.drawing.svg import svg

RESULTS = Path(__file__).resolve().parent / "results"
LIMIT_SECONDS = 5
RUNS = 5
SKILLS = [f"skill-{number}" for number in range(20)]


def asked(contacts: int) -> Simulation:
    """Each language wants its skill, whatever is urgent wants two; there is room for nine in ten."""
    rules: list[dict[str, Any]] = [
        {
            "type": "priority",
            "priority": number + 1,
            "conditions": [{"field": "language", "operator": "equal", "value": f"l{number}"}],
            "routingStrategy": {"type": "longest-idle", "skills": [skill]},
        }
        for number, skill in enumerate(SKILLS[:19])
    ]
    rules.append({"type": "default", "routingStrategy": {"type": "random", "skills": []}})
    agents = {
        f"agent-{number}": {
            "skills": [SKILLS[number % 20], SKILLS[number * 7 % 20]],
            "currentLoad": number % 3,
            "maxCapacity": max(contacts * 9 // 10 // 500, 1) + number % 3,
        }
        for number in range(500)
    }
    fields = {
        "priority": {"high": 0.2, "medium": 0.3, "low": 0.5},
        "language": {f"l{number}": 1 for number in range(25)},
    }
    return Simulation.read(
        {"queue": {"routingRules": rules}, "emails": {"count": contacts, "fields": fields}, "agents": agents}
    )


def main() -> None:
    """Run, print, write."""
    contacts = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    question = asked(contacts)
    rules, given, agents = question.rules(), question.contacts(), question.staff()
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        found = simulate(rules, given, agents)
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    data = as_data(found, rules, agents)
    png(as_picture(data))
    svg(as_picture(data))
    shown = time.perf_counter() - began
    median = sorted(seconds)[RUNS // 2]
    rest = {"p50Ms": round(median * 1000), "p99Ms": round(max(seconds) * 1000)}
    rss = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    name = f"simulate {contacts:,} contacts, 500 agents, 20 rules"
    head = {"name": name, "value": round(median, 3), "unit": "s", "reference": LIMIT_SECONDS}
    also = {"name": "… as data, SVG and PNG", "value": round(shown, 3), "unit": "s", "reference": None, "ratio": None}
    rows = [
        {**head, "ratio": round(median / LIMIT_SECONDS, 3), **rest, "rssMb": rss},
        {**also, "p50Ms": None, "p99Ms": None, "rssMb": rss},
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "simulate.json").write_text(json.dumps(rows, indent=1) + "\n")
    for each in rows:
        print(f"{each['name']:52} {each['value']:>8} {each['unit']}")


if __name__ == "__main__":
    main()
