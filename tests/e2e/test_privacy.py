"""What the daemon of a node in the middle leaves on disk: its neighbours' names and no other.

The daemons have heard adverts of the whole network. Adverts live in memory alone, whatever the
node stores or logs at its most talkative is about its neighbours and its own promises.
"""

from itertools import pairwise
from pathlib import Path

import pytest

from pathfinder.network import Line, Network, Node
from runtime.identity import load_identity
from tests.e2e.houses import BRAND, FEES, LIMIT, pay, request, require_books, running

pytestmark = pytest.mark.e2e

CHAIN = ("Peruzzi", "Acciaiuoli", "Bardi", "Cerchi", "Quaratesi")
DESCRIPTION = "a relic of questionable provenance"
AMOUNT = 123_456


def network() -> Network:
    nodes = tuple(Node(n, frozenset({"R1"}), True, fees=FEES) for n in CHAIN)
    pairs = list(pairwise(CHAIN))
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(("R1",), (), nodes, lines)


def talkative(_: str, home: Path) -> tuple[str, ...]:
    return ("node", "run", "--verbose", str(home))


def everything(directory: Path) -> dict[str, bytes]:
    """The files that a node writes, and its log; its keys are its own."""
    files = [p for p in directory.rglob("*") if p.is_file()]
    found = {str(p.relative_to(directory)): p.read_bytes() for p in files}
    for suffix in (".log", ".out"):
        beside = directory.with_name(directory.name + suffix)
        found[beside.name] = beside.read_bytes()
    assert any(name.endswith(".sqlite") for name in found), found.keys()
    return found


def forms(value: bytes) -> tuple[bytes, ...]:
    return (value, value.hex().encode(), value.hex().upper().encode())


async def test_a_middle_daemon_writes_no_stranger_down(directory: Path) -> None:
    async with running(network(), directory, node_command=talkative) as town:
        secrets: dict[str, tuple[bytes, ...]] = {}
        first, last = CHAIN[0], CHAIN[-1]
        for levels in (["ATOMIC"], ["SECURED"], ["BARE"]):
            asked = await request(town, last, AMOUNT, description=DESCRIPTION)
            secrets[f"request {levels}"] = forms(bytes.fromhex(asked["id"]))
            ended = await pay(town, first, asked["text"], levels=levels)
            assert ended["phase"] == "COMMITTED", ended
            secrets[f"payment {levels}"] = forms(bytes.fromhex(ended["id"]))
        asked = await request(town, last, AMOUNT, manual=True)
        await town.houses[last].control.ask("request.decline", id=asked["id"])
        assert (await pay(town, first, asked["text"], attempts=1))["phase"] == "ABORTED"
        await require_books(town)
        secrets["description"] = (DESCRIPTION.encode(),)
        homes = {name: house.daemon.directory for name, house in town.houses.items()}
        status = await town.houses["Bardi"].control.ask("status")
        assert str(len(CHAIN)) in str(status), "it has heard of everybody"
    for name in CHAIN:
        identity = load_identity(homes[name])
        secrets[f"{name}'s id"] = forms(bytes(identity.node))
        secrets[f"{name}'s alias"] = (name.encode(),)
        secrets[f"{name}'s seal key"] = forms(identity.seal.public)
        config = (homes[name] / "config.toml").read_text()
        listen = next(x.split('"')[1] for x in config.splitlines() if x.startswith("listen"))
        secrets[f"{name}'s address"] = (listen.encode(),)
    leaks = []
    for at in (1, 2, 3):
        own = CHAIN[at]
        files = everything(homes[own])
        known = CHAIN[at - 1 : at + 2]
        for what, found in secrets.items():
            if what.split("'")[0] in known:
                continue
            leaks += [
                f"{own}: {what} in {file}"
                for file, data in files.items()
                if any(form in data for form in found)
            ]
        text = b"".join(files.values())
        for friend in known:
            assert secrets[f"{friend}'s id"][0] in text, "the search finds what is there"
    assert not leaks, "\n".join(leaks)
