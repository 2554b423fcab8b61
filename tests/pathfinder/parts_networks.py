"""Small random networks whose lines are too narrow for the payment, each from its seed."""

import random
from typing import Any

from tests.pathfinder.networks import network, question

LARGEST = 8  # a reference that tries every split takes seconds beyond it


def case(seed: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    """The network, the question, and the most parts."""
    rng = random.Random(seed)
    net = network(rng, rng.choice((3, 4, 4, 5, 5)))
    asked = question(rng, net)
    amount = asked["amount"] = rng.randint(2, LARGEST)
    # Tried by hand below: a bare chain beside others has no policy of its own to decline under.
    asked.pop("declines", None)
    if seed % 3:
        make_kind(rng, net, asked)
    for line in net["lines"]:
        line["available"] = rng.randint(1, amount + 1)
    if "max_cost" in asked:
        asked["max_cost"] = amount + rng.randint(0, 20)
    if "overrides" in asked:
        asked["overrides"] = {ends: rng.randint(0, amount + 1) for ends in asked["overrides"]}
    return net, asked, rng.choice((2, 2, 3, 3, 4))


def make_kind(rng: random.Random, net: dict[str, Any], asked: dict[str, Any]) -> None:
    """More lines, more trust, fewer wishes: networks in which there is something to split."""
    for node in net["nodes"].values():
        if rng.random() < 0.8:
            node["accepts"] = list(net["registries"])
        if not node["fees"] or rng.random() < 0.5:
            node["fees"] = {
                "ATOMIC": {"rate": rng.choice(("1", "1.1", "1.3")), "flat": rng.choice((0, 0, 1))},
                "SECURED": {"flat": rng.choice((0, 1))},
                "GATEWAY": {"flat": rng.choice((0, 2))},
                "BARE": {"rate": "1.2", "flat": rng.choice((0, 2))},
            }
    known = {(line["from"], line["to"]) for line in net["lines"]}
    for start in net["nodes"]:
        for end in net["nodes"]:
            if start != end and (start, end) not in known and rng.random() < 0.5:
                line = {"from": start, "to": end, "brand": "USD", "available": 0}
                net["lines"].append(line | {"fees": None, "registry_fees": None})
    for key in ("last_levels", "first_levels", "levels", "registries", "avoid", "max_cost"):
        if rng.random() < 0.7:
            asked.pop(key, None)


def town(seed: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    """A network of five to eight nodes and an amount as people pay; larger than `case`."""
    rng = random.Random(seed)
    net = network(rng, rng.choice((5, 6, 7, 8)))
    all_asked = question(rng, net)
    asked = {key: all_asked[key] for key in ("payer", "payee", "brand")}
    amount = asked["amount"] = rng.choice((100, 1000, 100_000))
    make_kind(rng, net, asked)
    for line in net["lines"]:
        line["available"] = rng.randint(amount // 6, amount + 1)
    return net, asked, rng.choice((2, 3, 4))
