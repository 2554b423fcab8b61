"""`pledgeway pathfinder peer`: the nodes whose adverts a path finder hears."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from node.command.argument_types import read_file
from node.command.display import facts, say, short, table, who, yes_no
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.pathfinder_place import home_of, session_of
from proto.card import CARD_PREFIX, NodeCard
from proto.limits import MAX_ADVERT_BYTES
from proto.wire import WireFault

if TYPE_CHECKING:
    from pathfinder.serving.home import Home

DIRECTORY: Final = click.Path(path_type=Path)
LEAST_DIGITS: Final = 8  # of an id that stands for the whole


@click.group("peer")
def peer() -> None:
    """Say which nodes the path finder links with.

    Both sides have to know each other: the owner of the node runs `pledgeway node peer add` with
    the path finder's card. One node is enough to hear a whole network; two hear it while one of
    them is down, and one alone cannot hide a part of it.

    \b
    Example:
      pledgeway pathfinder peer add ./finder bob.card
      pledgeway pathfinder peer list ./finder
    """


@peer.command("add", epilog="Exit status: 0 done; 1 not done; 2 unusable input.")
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("card", metavar="CARD")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(directory: Path, card: str, as_json: bool) -> None:
    """Let the path finder in DIR link with the node of CARD (a file, or the text itself).

    A newer card of the same node replaces the older one. A running path finder takes it at once.

    \b
    Example:
      pledgeway node card --node ./bob > bob.card
      pledgeway pathfinder peer add ./finder bob.card
    """
    # Here and below, because keys come with gRPC, and --help is to answer at once.
    from pathfinder.serving.home import HomeFault, keep_peer, read_node_card
    from runtime.identity import IdentityFault, load_identity

    home = home_of(directory)
    text, now_us = _text(card), time.time_ns() // 1000
    try:
        added = read_node_card(text, now_us)
        keep_peer(home, added, text, load_identity(home.path))
    except WireFault as fault:
        fail(UNUSABLE, f"{card[:80]}: {fault}")
    except (HomeFault, IdentityFault) as fault:
        fail(UNUSABLE, str(fault))
    except OSError as error:
        fail(REFUSED, f"{home.peers}: cannot be written: {error.strerror}")
    _reload(home, as_json)
    shown = _json(added)
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    facts((("node", shown["node"]), ("alias", added.alias), ("address", added.address or "-")))
    say("Its owner has to add this path finder as well: `pledgeway node peer add FINDER.card`.")


def _text(given: str) -> str:
    if given.startswith(CARD_PREFIX):
        return given
    data = read_file(given, "node's card", 2 * MAX_ADVERT_BYTES)
    return data.decode("ascii", errors="replace")


@peer.command("list", epilog="Exit status: 0 listed; 2 unusable input.")
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(directory: Path, as_json: bool) -> None:
    """List the nodes that the path finder in DIR links with. It need not run.

    \b
    Example:
      pledgeway pathfinder peer list ./finder
    """
    from pathfinder.serving.home import load_peers

    home = home_of(directory)
    session = session_of(directory, as_json)
    connected: dict[str, Any] = {}
    if session.runs():
        peers = session.ask("status", {}).value["peers"]
        connected = {p["node"]: p["connected"] for p in peers}
    cards, faults = load_peers(home, time.time_ns() // 1000)
    listed = [_json(card) | {"connected": connected.get(card.node.hex())} for card in cards]
    if as_json:
        click.echo(json.dumps({"peers": listed, "faults": faults}, ensure_ascii=False))
        return
    table(
        ("node", "id", "address", "state"),
        ((who(p, node="node"), short(p["node"]), p["address"] or "-", _state(p)) for p in listed),
        empty=f"None: `pledgeway pathfinder peer add {directory} NODE.card` adds one.",
    )
    for fault in faults:
        say(fault)


def _state(shown: dict[str, Any]) -> str:
    if shown["connected"] is None:
        return "-"
    return yes_no(shown["connected"], "connected", "not connected")


@peer.command("drop", epilog="Exit status: 0 done; 1 no such node; 2 unusable input.")
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.argument("node", metavar="NODE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def drop(directory: Path, node: str, as_json: bool) -> None:
    """Link with NODE (its alias, id, or the beginning of its id) no more.

    \b
    Example:
      pledgeway pathfinder peer drop ./finder Bob
    """
    from pathfinder.serving.home import drop_peer, load_peers

    home = home_of(directory)
    cards, _ = load_peers(home, time.time_ns() // 1000)
    by_id = len(node) >= LEAST_DIGITS
    found = [c for c in cards if c.alias == node or (by_id and c.node.hex().startswith(node))]
    if len(found) != 1:
        cause = "no node is" if not found else f"{len(found)} nodes are"
        step = f"see `pledgeway pathfinder peer list {directory}`"
        fail(REFUSED, f"{cause} called {node!r}: {step}")
    try:
        drop_peer(home, found[0].node.hex())
    except OSError as error:
        fail(REFUSED, f"{home.peers}: cannot be written: {error.strerror}")
    _reload(home, as_json)
    if as_json:
        click.echo(json.dumps(_json(found[0]), ensure_ascii=False))
    else:
        say(f"{found[0].alias} is no longer linked with.")


def _reload(home: "Home", as_json: bool) -> None:
    """Tells the daemon, if it runs."""
    session = session_of(home.path, as_json)
    if session.runs():
        session.ask("peer.reload", {})


def _json(card: NodeCard) -> dict[str, Any]:
    return {"node": card.node.hex(), "alias": card.alias, "address": card.address}
