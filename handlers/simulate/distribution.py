"""How contacts would be spread over agents and rules: as data, as a table, and as a picture. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from handlers.requests.rules import Rule
from handlers.simulate.routing import Agent, Contact, Simulated, by_rule
from processor.drawing import LETTER_HEIGHT, LETTER_WIDTH, Box, Picture, Words

WIDTH, MARGIN, ROW, BAR = 860, 20, 22, 14
LABEL, NUMBERS = 300, 130
LETTERS_OF_A_LABEL = (LABEL - 10) // LETTER_WIDTH
MOST_ROWS = 60
ROUTED, BEFORE, UNROUTED, EXCEEDED, FREE = "#2f6f9f", "#8fa3b0", "#d9a441", "#b5473c", "#e4e9ed"


def as_data(found: Simulated, rules: Sequence[Rule], agents: Sequence[Agent]) -> dict[str, Any]:
    """The guide's three results, and the distribution that they come to."""
    return {
        "routed": [
            {"email": dict(one.contact), "assignedAgent": one.agent_id, "rule": rules[one.rule].type}
            for one in found.routed
        ],
        "unrouted": [dict(contact) for contact in found.unrouted],
        "capacityExceeded": found.capacity_exceeded,
        "distribution": {
            "agents": [
                {
                    "agentId": agent.id,
                    "assigned": found.loads[agent.id] - agent.load,
                    "load": found.loads[agent.id],
                    "maxCapacity": agent.most,
                    "share": _share(found.loads[agent.id] - agent.load, len(found.routed)),
                }
                for agent in agents
            ],
            "rules": [{"rule": kind, "routed": count} for kind, count in by_rule(found, rules)],
            "priorities": _priorities(found),
            "withoutSkills": len(found.without_skills),
            "withoutRoom": len(found.without_room),
        },
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _priorities(found: Simulated) -> list[dict[str, Any]]:
    ends: Mapping[str, Sequence[Contact]] = {
        "routed": [one.contact for one in found.routed],
        "unrouted": found.unrouted,
        "capacityExceeded": [*found.without_skills, *found.without_room],
    }
    counts = {name: Counter(str(one.get("priority", "none")) for one in contacts) for name, contacts in ends.items()}
    order = {"high": 0, "medium": 1, "low": 2}
    names = sorted({name for count in counts.values() for name in count}, key=lambda name: (order.get(name, 3), name))
    return [{"priority": name, **{end: count[name] for end, count in counts.items()}} for name in names]


def as_table(data: Mapping[str, Any]) -> str:
    """For a terminal."""
    spread = data["distribution"]
    head = (
        f"routed {len(data['routed'])}, unrouted {len(data['unrouted'])}, capacity exceeded {data['capacityExceeded']}"
        f" (no agent with the skills {spread['withoutSkills']}, no room {spread['withoutRoom']})"
    )
    agents = [
        [one["agentId"], str(one["assigned"]), f"{one['load']}/{one['maxCapacity']}", f"{one['share']:.1%}"]
        for one in spread["agents"]
    ]
    rules = [[str(at + 1), one["rule"], str(one["routed"])] for at, one in enumerate(spread["rules"])]
    priorities = [[str(value) for value in one.values()] for one in spread["priorities"]]
    return "\n\n".join(
        [
            head,
            _columns(["agent", "assigned", "load", "share"], agents),
            _columns(["rule", "type", "routed"], rules),
            _columns(["priority", "routed", "unrouted", "exceeded"], priorities),
        ]
    )


def _columns(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if at == 0 else cell.rjust(w) for at, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def as_picture(data: Mapping[str, Any]) -> Picture:
    """What became of all, as one bar; below, each agent's load: before, added, and what is free."""
    agents = data["distribution"]["agents"]
    shown = agents[:MOST_ROWS]
    ends = (
        ("routed", len(data["routed"]), ROUTED),
        ("unrouted", len(data["unrouted"]), UNROUTED),
        ("capacity exceeded", data["capacityExceeded"], EXCEEDED),
    )
    total = sum(count for _, count, _ in ends)
    title = f"{total} contacts: " + ", ".join(f"{count} {name}" for name, count, _ in ends)
    shapes: list[Box | Words] = [Words(MARGIN, MARGIN, title)]
    y = MARGIN + ROW
    shapes += _bar(MARGIN, y, WIDTH - 2 * MARGIN, [(count, colour) for _, count, colour in ends], max(total, 1))
    y += ROW
    x = MARGIN
    for name, colour in ((n, c) for n, _, c in (*ends, ("load before", 0, BEFORE), ("free", 0, FREE))):
        shapes += [Box(x, y + 1, LETTER_HEIGHT - 2, LETTER_HEIGHT - 2, colour), Words(x + 16, y, name)]
        x += 16 + LETTER_WIDTH * (len(name) + 2)
    y += 2 * ROW
    most = max([max(one["load"], one["maxCapacity"]) for one in shown], default=1) or 1
    for one in shown:
        shapes += _row(one, y, most)
        y += ROW
    if len(agents) > len(shown):
        shapes.append(Words(MARGIN, y, f"and {len(agents) - len(shown)} more agents"))
        y += ROW
    return Picture(WIDTH, y + MARGIN, title, tuple(shapes))


def _row(one: Mapping[str, Any], y: int, most: int) -> list[Box | Words]:
    before, added = one["load"] - one["assigned"], one["assigned"]
    name = one["agentId"]
    label = name if len(name) <= LETTERS_OF_A_LABEL else name[: LETTERS_OF_A_LABEL - 2] + ".."
    parts = [(before, BEFORE), (added, ROUTED), (max(one["maxCapacity"] - one["load"], 0), FREE)]
    width = WIDTH - 2 * MARGIN - LABEL - NUMBERS
    return [
        Words(MARGIN, y + 1, label),
        *_bar(MARGIN + LABEL, y, width, parts, most),
        Words(WIDTH - MARGIN, y + 1, f"+{added} ({one['load']}/{one['maxCapacity']})", right=True),
    ]


def _bar(x: int, y: int, width: int, parts: Sequence[tuple[int, str]], whole: int) -> list[Box]:
    """Each part as wide as its share; what is there at all is seen, be it one pixel."""
    boxes, done, at = list[Box](), 0, x
    for count, colour in parts:
        done += count
        end = max(x + round(width * done / whole), at + 1)
        if count:
            boxes.append(Box(at, y, end - at, BAR, colour))
            at = end
    return boxes
