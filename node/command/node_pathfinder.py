"""`pledgeway node pathfinder`: whom a light node asks for routes."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from node.command.argument_types import text_or_file
from node.command.display import facts, gap, say, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.session import Session, with_node
from proto.card import PATHFINDER_CARD_PREFIX, PathFinderCard, read_pathfinder_card
from proto.limits import MAX_ADVERT_BYTES
from proto.wire import WireFault

if TYPE_CHECKING:
    from node.config import NodeConfig

LEAST_DIGITS: Final = 8  # of an id that stands for the whole
STATUSES: Final = "Exit status: 0 done; 1 a clean no; 2 unusable input."
RESTART: Final = "The node asks it from its next start on: stop and run it again if it runs."


@click.group("pathfinder")
def node_pathfinder() -> None:
    """Ask path finders for routes instead of keeping the network and searching it.

    Such a node is light: with --no-gossip it does not even hear the adverts of the network. It
    checks what a path finder answers (signatures, prices, every rule, every time), so that it can
    be told a dearer route than the best, and nothing worse. A path finder learns who wants to pay
    whom how much, and what the payer's lines carry.

    Without gossip the node does not hear either that a registry was proven to cheat.

    \b
    Example:
      pledgeway node pathfinder use finder.card --no-gossip --node ./alice
      pledgeway node stop --node ./alice && pledgeway node run ./alice
    """


@node_pathfinder.command("use", epilog=STATUSES)
@click.argument("card", metavar="CARD")
@click.option(
    "--gossip/--no-gossip", default=None, help="Hear adverts as well.  [default: as it is]"
)
@with_node
def use(session: Session, card: str, gossip: bool | None) -> None:
    """Ask the path finder of CARD (a file, or the text itself), after those that are named already.

    It is written into the node's config.toml, and asked from the next start on. Several are asked
    one after the other, until one answers with a route that holds. A newer card of one that is
    named replaces the older.

    \b
    Example:
      pledgeway node pathfinder use finder.card --node ./alice
    """
    prefix, most = PATHFINDER_CARD_PREFIX, 2 * MAX_ADVERT_BYTES
    text = "".join(text_or_file(card, prefix, "path finder's card", most).split())
    try:
        added = read_pathfinder_card(text, time.time_ns() // 1000)
    except WireFault as fault:
        fail(UNUSABLE, f"{card[:80]}: {fault}")
    config = _config(session)
    cards = [
        text if (known := _read(kept)) and known.node.node == added.node.node else kept
        for kept in config.pathfinders
    ]
    if text not in cards:
        cards.append(text)
    changed = _write(session, cards, gossip=config.gossip if gossip is None else gossip)
    shown = _json(added)
    if session.as_json:
        answer = {"pathfinder": shown, "gossip": changed.gossip, "named": len(cards)}
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    facts((("path finder", shown["node"]), ("alias", shown["alias"]), ("asked at", added.service)))
    say(RESTART)


@node_pathfinder.command("list", epilog=STATUSES)
@with_node
def list_(session: Session) -> None:
    """List the path finders that the node asks, the first one first. It need not run.

    \b
    Example:
      pledgeway node pathfinder list --node ./alice
    """
    config = _config(session)
    named = [_json(card) if (card := _read(kept)) else None for kept in config.pathfinders]
    if session.as_json:
        answer = {"pathfinders": named, "gossip": config.gossip}
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    table(
        ("path finder", "asked at", "id"),
        (
            (n["alias"], n["address"], n["node"]) if n else ("a card that does not hold", "-", "-")
            for n in named
        ),
        empty="None: the node searches by itself. `pledgeway node pathfinder use CARD` names one.",
    )
    if named:
        gap()
        say("It hears adverts as well." if config.gossip else "It hears no adverts.")


@node_pathfinder.command("drop", epilog=STATUSES)
@click.argument("name", metavar="PATHFINDER")
@with_node
def drop(session: Session, name: str) -> None:
    """Ask PATHFINDER (its alias, id, or the beginning of its id) no more.

    Without the last one the node searches by itself, and hears adverts again.

    \b
    Example:
      pledgeway node pathfinder drop Finder --node ./alice
    """
    config = _config(session)
    kept = [text for text in config.pathfinders if not _is_called(_read(text), name)]
    gone = len(config.pathfinders) - len(kept)
    if gone != 1:
        cause = "no path finder is" if not gone else f"{gone} path finders are"
        fail(REFUSED, f"{cause} called {name!r}: see `pledgeway node pathfinder list`")
    changed = _write(session, kept, gossip=config.gossip or not kept)
    if session.as_json:
        click.echo(json.dumps({"gossip": changed.gossip, "named": len(kept)}))
        return
    say(f"{name} is asked no more, from the node's next start on.")


def _is_called(card: PathFinderCard | None, name: str) -> bool:
    if card is None:
        return False
    node = card.node
    by_id = len(name) >= LEAST_DIGITS and node.node.hex().startswith(name.lower())
    return node.alias == name or by_id


def _path(session: Session) -> Path:
    return session.directory / "config.toml"


def _config(session: Session) -> "NodeConfig":
    # Here and below, so that --help does not load what a configuration is about.
    from node.config import ConfigFault, read_config

    try:
        return read_config(_path(session))
    except ConfigFault as fault:
        fail(UNUSABLE, str(fault))


def _write(session: Session, cards: list[str], *, gossip: bool) -> "NodeConfig":
    from node.config import ConfigFault
    from node.config_edit import set_pathfinders

    try:
        return set_pathfinders(_path(session), cards, gossip=gossip)
    except ConfigFault as fault:
        fail(UNUSABLE, str(fault))
    except OSError as error:
        fail(REFUSED, f"{_path(session)}: cannot be written: {error.strerror}")


def _read(text: str) -> PathFinderCard | None:
    """None where it does not hold any more: its keys have ended, say."""
    try:
        return read_pathfinder_card(text, time.time_ns() // 1000)
    except WireFault:
        return None


def _json(card: PathFinderCard) -> dict[str, Any]:
    return {"node": card.node.node.hex(), "alias": card.node.alias, "address": card.service}
