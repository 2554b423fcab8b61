"""`pledgeway pathfinder`: make a path finder of its own, run it, look at it."""

import json
import os
import time
from pathlib import Path
from typing import Final

import click

from node.command.daemon_run import ended_in_one_line, log_to_stderr
from node.command.display import Json, facts, gap, say, short, span, table, who, yes_no
from node.command.exit_status import REFUSED, UNUSABLE, TaughtCommand, fail, plain
from node.command.pathfinder_peer import peer
from node.command.pathfinder_place import home_of, session_of
from node.command.session import NoAnswer, socket_path
from pathfinder.config import DEFAULT_LISTEN, ConfigFault, PathFinderConfig, check_config

ALIAS: Final = "path finder"
STOP_TIMEOUT_S: Final = 30.0
DIRECTORY: Final = click.Path(path_type=Path)


@click.group("pathfinder")
def pathfinder() -> None:
    """Find routes for payers that do not want to know the whole network.

    A path finder links with one or more nodes and hears all adverts, and it neither has lines nor
    passes promises on. Payers ask it, and check what it answers with the signed adverts that it
    shows: it can hide a cheaper route from them, and nothing else. It learns who wants to pay whom
    how much.

    \b
    Example:
      pledgeway pathfinder init ./finder --listen 127.0.0.1:7600
      pledgeway pathfinder card ./finder > finder.card
      pledgeway node peer add finder.card --node ./bob        (Bob lets it listen)
      pledgeway pathfinder peer add ./finder bob.card         (and it knows where Bob is)
      pledgeway pathfinder run ./finder
      pledgeway node pathfinder use finder.card --node ./alice    (Alice asks it from now on)
    """


@pathfinder.command(
    "init", epilog="Exit status: 0 made; 1 something is there already; 2 unusable input."
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--name", "alias", default=ALIAS, show_default=True, help="What people call it.")
@click.option(
    "--listen",
    default=DEFAULT_LISTEN,
    show_default=True,
    metavar="HOST:PORT",
    help="Where payers ask it (gRPC over TLS).",
)
@click.option("--address", default="", metavar="HOST:PORT", help="What they dial, if that differs.")
@click.option(
    "--peer-listen",
    default="",
    metavar="HOST:PORT",
    help="Where nodes link with it.  [default: it dials them]",
)
@click.option(
    "--peer-address", default="", metavar="HOST:PORT", help="What nodes dial, if that differs."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(
    directory: Path,
    alias: str,
    listen: str,
    address: str,
    peer_listen: str,
    peer_address: str,
    as_json: bool,
) -> None:
    """Make a path finder in DIR: fresh keys and a config.toml. Nothing is ever overwritten.

    Nodes that cannot be dialled need --peer-listen; the others are dialled.

    \b
    Example:
      pledgeway pathfinder init ./finder --name Finder --listen 127.0.0.1:7600
      pledgeway pathfinder init ./finder --listen 0.0.0.0:7600 --address finder.example:7600
    """
    # Here and below, because keys come with gRPC, and --help is to answer at once.
    from pathfinder.serving.home import Home, HomeFault, create
    from runtime.identity import IdentityFault

    home = Home(directory)
    try:
        socket_path(directory)
    except NoAnswer as no:
        fail(no.status, str(no))
    if directory.resolve() == Path.cwd():
        fail(UNUSABLE, f"{directory}: is where you are: name a folder in it, or go outside")
    config = PathFinderConfig(alias, listen, address, peer_listen, peer_address)
    try:
        config = check_config(config, home.config)
        identity = create(home, config, time.time_ns() // 1000, os.urandom)
    except ConfigFault as fault:
        fail(UNUSABLE, str(fault))
    except (HomeFault, IdentityFault) as fault:
        fail(REFUSED, str(fault))
    except OSError as error:
        fail(REFUSED, f"{directory}: cannot be written: {error.strerror}")
    node, place = identity.node.hex(), str(directory.absolute())
    if as_json:
        made = {"node": node, "alias": alias, "address": config.service, "directory": place}
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    facts(
        (
            ("path finder", node),
            ("alias", alias),
            ("payers ask at", config.service),
            ("nodes", f"link at {config.peer_service}" if peer_listen else "are dialled"),
            ("directory", directory),
        )
    )
    shown = plain(directory)
    gap()
    say(f"Next: pledgeway pathfinder card {shown} > finder.card")
    say("      pledgeway node peer add finder.card --node NODE     (the owner of a node does that)")
    say(f"      pledgeway pathfinder peer add {shown} NODE.card")
    say(f"      pledgeway pathfinder run {shown}")


@pathfinder.command(
    "run", epilog="Exit status: 0 stopped when told to; 1 it could not run; 2 DIR holds none."
)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--verbose", is_flag=True, help="Log what happens, not only what is wrong.")
def run(directory: Path, verbose: bool) -> None:
    """Run the path finder in DIR until SIGTERM, Ctrl-C or `pledgeway pathfinder stop`.

    It keeps nothing on disk but its keys and the cards of its nodes: after a start it hears the
    whole network anew. It prints one line that begins with "ready" once it answers, and logs to
    standard error.

    \b
    Example:
      pledgeway pathfinder run ./finder
    """
    log_to_stderr(verbose)
    from pathfinder.serving.daemon import run as run_daemon
    from pathfinder.serving.home import HomeFault

    home_of(directory)
    with ended_in_one_line(directory, ConfigFault, HomeFault):
        run_daemon(directory, lambda line: click.echo(line))


@pathfinder.command("status", cls=TaughtCommand)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(directory: Path, as_json: bool) -> None:
    """Show how the path finder in DIR is: whom it hears, what it knows, what it was asked.

    \b
    Example:
      pledgeway pathfinder status ./finder
    """
    session_of(directory, as_json).show("status", {}, _show_status)


def _show_status(answer: Json) -> None:
    graph = answer.get("graph") or {}
    facts(
        (
            ("path finder", answer.get("node")),
            ("alias", answer.get("alias")),
            ("payers ask at", answer.get("address")),
            ("nodes link at", answer.get("peer_address") or "nowhere: it dials them"),
            ("running for", span(answer.get("uptime_s"))),
            ("known network", f"{graph.get('nodes', 0)} nodes, {graph.get('lines', 0)} lines"),
            ("questions", f"{answer.get('answered')} answered, {answer.get('refused')} refused"),
            ("searches", f"{answer.get('searches')}, {answer.get('remembered')} saved"),
        )
    )
    gap()
    show_peers(answer)


def show_peers(answer: Json) -> None:
    """The nodes that it links with."""
    table(
        ("node", "id", "address", "state"),
        (
            (
                who(peer, node="node"),
                short(peer.get("node")),
                peer.get("address") or "-",
                yes_no(peer.get("connected"), "connected", "not connected"),
            )
            for peer in answer.get("peers", ())
        ),
        empty="No nodes yet: `pledgeway pathfinder peer add DIR NODE.card` adds one.",
    )


@pathfinder.command("card", epilog="Exit status: 0 printed; 2 DIR holds no path finder.")
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def card(directory: Path, as_json: bool) -> None:
    """Print the path finder's card: for nodes that let it listen, and for payers that ask it.

    It is one line of text, signed, and holds nothing secret. The path finder need not run.

    \b
    Example:
      pledgeway pathfinder card ./finder > finder.card
    """
    from pathfinder.serving.home import HomeFault, load, service_card
    from runtime.identity import IdentityFault

    home = home_of(directory)
    try:
        config, identity = load(home)
    except (ConfigFault, HomeFault, IdentityFault) as fault:
        fail(UNUSABLE, str(fault))
    text = service_card(identity, config)
    if as_json:
        made = {"node": identity.node.hex(), "alias": config.alias, "card": text}
        click.echo(json.dumps(made, ensure_ascii=False))
    else:
        say(text)


@pathfinder.command("stop", cls=TaughtCommand)
@click.argument("directory", type=DIRECTORY, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def stop(directory: Path, as_json: bool) -> None:
    """Stop the path finder in DIR. Payers that ask it meanwhile ask the next one they know.

    \b
    Example:
      pledgeway pathfinder stop ./finder
    """
    said = f"the path finder in {directory} stops"
    session_of(directory, as_json).show("stop", {}, lambda _: say(said), STOP_TIMEOUT_S)


pathfinder.add_command(peer)
