"""Small random networks that are nasty on purpose, each from its seed."""

import random
from typing import Any

LEVELS = ("BARE", "SECURED", "ATOMIC", "PROXY")
MODES = ("ATOMIC", "SECURED", "GATEWAY", "BARE")
# Order of names is a tie-break: upper before lower case, digits first, prefixes before the longer.
NAMES = ("A", "B", "AB", "a", "Z", "9", "10", "Q", "P", "é")
RATES = ("1", "1", "1.001", "1.01", "1.05", "1.1", "1.333333333", "2", "3")


def fees(rng: random.Random) -> dict[str, Any]:
    """A fee set of one of several characters."""
    character = rng.randrange(8)
    if character == 0:
        return {}
    if character <= 2:
        return {mode: {} for mode in MODES}  # free: ties everywhere
    if character == 3:
        return {
            "ATOMIC": {"rate": "1", "flat": 0},
            "SECURED": {"rate": "1.001", "flat": 0},
            "GATEWAY": {"rate": "1.003", "flat": 2},
            "BARE": {"rate": "1.006", "flat": 5},
        }
    if character == 4:  # a safer mode is dearer
        return {mode: {"flat": (3 - i) * rng.randint(0, 9)} for i, mode in enumerate(MODES)}
    refused = rng.sample(MODES, rng.randint(0, 2)) if character <= 6 else ["GATEWAY"]
    made = {}
    for mode in MODES:
        if mode not in refused:
            made[mode] = {"rate": rng.choice(RATES), "flat": rng.choice((0, 0, 0, 1, 2, 30))}
    return made


def registry_fees(rng: random.Random, registries: list[str]) -> dict[str, Any]:
    made = {}
    for name in registries:
        if rng.random() < 0.4:
            made[name] = {
                "in_rate": rng.choice(RATES[:4]),
                "in_flat": rng.choice((0, 0, 1)),
                "out_rate": rng.choice(("1", "1.0005", "1.01")),
                "out_flat": rng.choice((0, 0, 2)),
            }
    return made


def policy(rng: random.Random, registries: list[str]) -> dict[str, Any]:
    members = rng.sample(registries, rng.randint(1, len(registries)))
    n = len(members)
    f = 1 if n == 4 and rng.random() < 0.6 else 0
    pairs = [
        (qc, qa) for qc in range(1, n - f + 1) for qa in range(1, n - f + 1) if qc + qa >= n + f + 1
    ]
    qc, qa = rng.choice(pairs)
    return {
        "members": members,
        "qc": qc,
        "qa": qa,
        "f": f,
        "delta_ms": 0 if n == 1 else rng.choice((1000, 1500, 2000)),
    }


def network(rng: random.Random, size: int) -> dict[str, Any]:
    """The JSON form of a network of `size` nodes."""
    registries = [f"R{i}" for i in range(rng.choice((1, 1, 2, 4)))]
    trust = rng.choice((0.3, 0.7, 0.9, 1.0))
    tight = rng.random() < 0.4
    nodes = {}
    for name in rng.sample(NAMES, size):
        nodes[name] = {
            "accepts": [r for r in registries if rng.random() < trust],
            "watches_registry": rng.random() < 0.7,
            "hold_max_ms": rng.choice((9999, 10_000, 12_000, 13_999, 14_000, 16_000, 20_000))
            if tight
            else 60_000,
            "fees": fees(rng),
            "registry_fees": registry_fees(rng, registries),
        }
    backbone = list(nodes)
    chained = rng.random() < 0.6
    lines, density, scale = [], rng.choice((0.3, 0.5, 0.7)), rng.choice((10, 60, 1000, 10**6))
    for start in nodes:
        for end in nodes:
            # A chained network has few short cuts, so that its chains are long.
            gap = backbone.index(end) - backbone.index(start)
            likely = (0.95 if abs(gap) == 1 else 0.12) if chained else density
            if gap and rng.random() < likely:
                own = rng.random() < 0.25
                lines.append(
                    {
                        "from": start,
                        "to": end,
                        "brand": "USD",
                        "available": rng.randint(scale // 2, 4 * scale),
                        "fees": fees(rng) if own and rng.random() < 0.7 else None,
                        "registry_fees": registry_fees(rng, registries)
                        if own and rng.random() < 0.5
                        else None,
                    }
                )
    made = {"registries": {name: {} for name in registries}, "nodes": nodes, "lines": lines}
    made["policies"] = {f"C{i}": policy(rng, registries) for i in range(rng.choice((0, 0, 1, 2)))}
    return made


def question(rng: random.Random, net: dict[str, Any]) -> dict[str, Any]:
    """What to ask of it, in the words of `reference.solve`."""
    payer, payee = rng.sample(sorted(net["nodes"]), 2)
    if rng.random() < 0.6:
        payer, *_, payee = net["nodes"]
    largest = max((line["available"] for line in net["lines"]), default=10)
    asked: dict[str, Any] = {
        "payer": payer,
        "payee": payee,
        "brand": "USD",
        "amount": rng.randint(1, max(1, largest // rng.choice((2, 3, 8)))),
    }
    names = [*net["registries"], *net["policies"]]
    ends = [(line["from"], line["to"]) for line in net["lines"]]

    def some(items: Any) -> list[Any]:
        return rng.sample(items, rng.randint(1, len(items)))

    for key, chance, make in (
        ("last_levels", 0.2, lambda: some(LEVELS)),
        ("first_levels", 0.1, lambda: some(LEVELS)),
        ("levels", 0.1, lambda: some(LEVELS)),
        ("max_hops", 0.25, lambda: rng.randint(1, 4)),
        ("registries", 0.15, lambda: some(names)),
        ("accepted", 0.15, lambda: some(names)),
        ("payee_margin_ms", 0.2, lambda: rng.choice((1000, 3000, 7500, 9000, 10_000))),
        ("latest_deadline_ms", 0.15, lambda: rng.choice((9999, 10_000, 11_000, 14_000, 20_000))),
        ("declines", 0.1, lambda: True),
        ("max_cost", 0.1, lambda: asked["amount"] + rng.randint(0, 20)),
        ("avoid", 0.1, lambda: some(ends) if ends else []),
        ("overrides", 0.1, lambda: {e: rng.randint(0, largest) for e in ends[::2]}),
        ("max_risk", 0.15, lambda: rng.randint(0, 6)),
        ("avoid_nodes", 0.1, lambda: some(sorted(net["nodes"]))),
    ):
        if rng.random() < chance:
            asked[key] = make()
    return asked


def loop_trap(rng: random.Random, net: dict[str, Any]) -> dict[str, Any]:
    """Turns a network into one whose cheapest walk likes to pass some node twice, and asks.

    The payer holds nothing but ATOMIC, the payee takes nothing but BARE, and few nodes price the
    GATEWAY in between: a walk runs to one of them and comes back.
    """
    registry = next(iter(net["registries"]))
    payer, *inner, payee = net["nodes"]
    for name, node in net["nodes"].items():
        node["accepts"] = [registry] if rng.random() < 0.95 else []
        node["fees"] = {
            "ATOMIC": {"flat": rng.choice((0, 0, 1))},
            "SECURED": {"flat": rng.choice((0, 0, 1, 3))},
            "BARE": {"flat": rng.choice((0, 9, 99))},
        }
        if name in inner[len(inner) // 2 :] or rng.random() < 0.2:
            node["fees"]["GATEWAY"] = {"flat": rng.choice((0, 2, 50))}
    for line in net["lines"]:
        line["fees"] = fees(rng) if rng.random() < 0.05 else None
        line["registry_fees"] = None
        if line["to"] == payee and line["from"] not in inner[:2]:
            line["available"] = rng.choice((0, 1000))
    last = "BARE" if rng.random() < 0.9 else "SECURED"
    return {
        "payer": payer,
        "payee": payee,
        "brand": "USD",
        "amount": 5,
        "first_levels": ["ATOMIC"],
        "last_levels": [last],
        **({"max_hops": rng.randint(3, 6)} if rng.random() < 0.3 else {}),
    }


def case(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The network and the question of one seed."""
    rng = random.Random(seed)
    net = network(rng, rng.choice((3, 4, 4, 5, 5, 6)))
    return net, loop_trap(rng, net) if seed % 4 == 3 else question(rng, net)
