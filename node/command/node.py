"""`pledgeway node`: make a node, run it, look at it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from node.command.database_view import show_database
from node.command.display import (
    Json,
    amount,
    facts,
    gap,
    moment,
    say,
    short,
    span,
    table,
    who,
    yes_no,
)
from node.command.exit_status import REFUSED, TaughtCommand
from node.command.node_domain import node_domain_proof
from node.command.node_pathfinder import node_pathfinder
from node.command.node_peer import node_peer
from node.command.node_policy import node_policy
from node.command.node_registry import node_registry
from node.command.node_webhook_keys import node_webhook_keys
from node.command.session import Session, with_node

STOP_TIMEOUT_S: Final = 60.0  # it finishes what it writes; a full disk takes long to say so


@click.group("node")
def node() -> None:
    """Make a node, run it, look at it.

    A node is a directory: its keys, its books, config.toml, and while it runs the socket on which
    the other commands ask it.

    \b
    Example:
      pledgeway node init ./alice --alias Alice --listen 127.0.0.1:7001
      pledgeway node run ./alice
      pledgeway node status --node ./alice
    """


@node.command("init", epilog="Exit status: 0 made; 1 something is there already; 2 unusable input.")
@click.argument("directory", type=click.Path(path_type=Path), required=False, metavar="[DIR]")
@click.option("--alias", help="What people call it.  [default: the beginning of its id]")
@click.option("--listen", default="", metavar="HOST:PORT", help="Where neighbours reach it.")
@click.option("--address", default="", metavar="HOST:PORT", help="What they dial, if that differs.")
@click.option(
    "--service",
    default="",
    metavar="HOST:PORT",
    help="Where others reach it for exchanges, and for titles that it keeps.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(
    directory: Path | None,
    alias: str | None,
    listen: str,
    address: str,
    service: str,
    as_json: bool,
) -> None:
    """Make a node in DIR: fresh keys and a config.toml. Nothing is ever overwritten.

    Without --listen it dials its neighbours and cannot be dialled; without --service it takes part
    in no exchange. Both can be set later in config.toml. DIR is ~/.pledgeway/node unless
    given. Keep a copy of identity.key offline: it is the node.

    \b
    Example:
      pledgeway node init ./alice --alias Alice --listen 127.0.0.1:7001 \\
          --service 127.0.0.1:7101
      pledgeway node init ./bob --alias Bob --listen 0.0.0.0:7002 --address bob.example:7002
    """
    from node.command.node_home import init_node

    init_node(directory, alias, listen, address, service, as_json)


@node.command(
    "run",
    epilog="Exit status: 0 stopped when told to; 1 it could not run; 2 DIR holds no usable node.",
)
@click.argument("directory", type=click.Path(path_type=Path), required=False, metavar="[DIR]")
@click.option("--verbose", is_flag=True, help="Log what happens, not only what is wrong.")
@click.option("--standby", is_flag=True, help="While another process runs it, wait to follow.")
@click.option("--shared", is_flag=True, help="Serve beside other processes that run it --shared.")
def run(directory: Path | None, verbose: bool, standby: bool, shared: bool) -> None:
    """Run the node in DIR until SIGTERM, Ctrl-C or `pledgeway node stop`.

    Stopping and starting lose nothing: whatever the node told anybody is on disk. It logs to
    standard error.

    With its books on a PostgreSQL server, several machines may run the node: --shared, and all of
    them serve at once; --standby, and one serves while the others wait (deploy/POSTGRESQL.md).

    \b
    Example:
      pledgeway node run ./alice
    """
    from node.command.node_home import run_node

    run_node(directory, verbose, standby=standby, shared=shared)


@node.command("status", cls=TaughtCommand)
@click.option("--db", is_flag=True, help="Show also what the store holds, table by table.")
@with_node
def status(session: Session, db: bool) -> None:
    """Show how the node is: neighbours, lines, payments, clock and disk.

    \b
    Example:
      pledgeway node status --node ./alice
      pledgeway node status --json
      pledgeway node status --db
    """
    session.show("status", {"db": True} if db else {}, _show_status)


def _show_status(answer: Json) -> None:
    payments, store, graph = (answer.get(key) or {} for key in ("payments", "store", "graph"))
    facts(
        (
            ("node", answer.get("node")),
            ("alias", answer.get("alias")),
            ("address", answer.get("address") or "none: it dials only"),
            ("running for", span(answer.get("uptime_s"))),
            ("lines", answer.get("lines")),
            ("pending promises", answer.get("pending_promises")),
            (
                "payments",
                ", ".join(f"{count} {name}" for name, count in payments.items()) or "none",
            ),
            ("exchanges", _exchanges(answer.get("exchanges"))),
            ("titles", _titles(answer)),
            ("incidents", _incident_hint(answer.get("incidents"))),
            ("clock error", f"at most {answer.get('clock_error_ms')} ms"),
            ("books", f"{store.get('path')}, {_mebibytes(store.get('bytes'))}"),
            ("known network", _known(graph, answer.get("pathfinders") or ())),
            ("adverts", _adverts(answer.get("gossip"))),
        )
    )
    gap()
    table(
        ("neighbour", "node", "address", "state", ">unacknowledged"),
        (
            (
                who(peer, node="node"),
                short(peer.get("node")),
                peer.get("address") or "-",
                yes_no(peer.get("connected"), "connected", "not connected"),
                peer.get("unacknowledged", "-"),
            )
            for peer in answer.get("peers", ())
        ),
        empty="No neighbours yet: `pledgeway line offer CARD` makes one.",
    )
    gap()
    show_registries(answer)
    _show_pathfinders(answer)
    _show_processes(answer)
    if answer.get("database"):
        gap()
        show_database(answer["database"])


def _known(graph: Json, pathfinders: Sequence[Json]) -> str:
    if pathfinders:
        return "none: it asks path finders"
    return f"{graph.get('nodes', 0)} nodes, {graph.get('lines', 0)} lines"


def _show_pathfinders(answer: Json) -> None:
    """Of a node that asks others for routes."""
    if not answer.get("pathfinders"):
        return
    gap()
    table(
        ("path finder", "address", ">asked", "the last time"),
        (
            (who(p, node="node"), p.get("address"), p.get("asked"), p.get("trouble") or "well")
            for p in answer["pathfinders"]
        ),
        empty="",
    )


def _exchanges(told: Json | None) -> str | None:
    if told is None:
        return None
    if not told.get("serves"):
        return "none: [escrow] listen in config.toml is empty"
    asked = told.get("asked")
    waits = f"; waiting for you: {asked} (`pledgeway escrow list --live`)" if asked else ""
    return f"others reach it at {told.get('address')}; {told.get('live')} under way{waits}"


def _titles(answer: Json) -> str | None:
    if "registrar" not in answer:
        return None
    kept = answer["registrar"]
    return f"kept in {kept.get('place')}" if kept else "none: it is no registrar"


def _adverts(gossip: Json | None) -> str | None:
    """What is known of the network, signed; and what became of the rest, where there was any."""
    if not gossip:
        return None
    kinds = ", ".join(f"{kind} {n}" for kind, n in gossip["per_kind"].items() if n)
    known = f"{gossip['known']} known ({kinds})" if kinds else "none known"
    odd = {
        "waiting for their signer's rate": gossip["waiting"],
        "above a limit": gossip["limited"],
        "untimely": gossip["untimely"],
        "refused": gossip["refused"],
        "pushed out": gossip["evicted"],
    }
    return "; ".join([known, *(f"{count} {name}" for name, count in odd.items() if count)])


def _show_processes(answer: Json) -> None:
    """Of a node that several serve together."""
    if not answer.get("processes"):
        return
    gap()
    table(
        ("process", "this one", "keeps the timers", ">streams"),
        (
            (
                short(p.get("id")),
                yes_no(p.get("this"), "yes", "-"),
                yes_no(p.get("keeper"), "yes", "-"),
                p.get("streams", "-"),
            )
            for p in answer["processes"]
        ),
        empty="",
    )


def show_registries(answer: Json) -> None:
    """Registries that the node knows."""
    table(
        ("registry", "id", "state"),
        (
            (r.get("name"), short(r.get("id")), yes_no(r.get("accepted"), "accepted", "known only"))
            for r in answer.get("registries", ())
        ),
        empty="No registry known: `pledgeway node registry add FILE --accept` adds one.",
    )


def _incident_hint(count: object) -> str:
    return f"{count}: see `pledgeway node incidents`" if count else "none"


def _mebibytes(size: object) -> str:
    if not isinstance(size, int):
        return "-"
    return f"{size // 1_048_576}.{size % 1_048_576 * 10 // 1_048_576} MiB"


@node.command("card", cls=TaughtCommand)
@with_node
def card(session: Session) -> None:
    """Print the node's card, which a neighbour needs before the first connection.

    It is one line of text, signed: mail it, paste it, or keep it in a file. It holds nothing
    secret.

    \b
    Example:
      pledgeway node card --node ./alice > alice.card
    """
    session.show("card", {}, lambda answer: say(str(answer.get("card"))))


@node.command("stop", cls=TaughtCommand)
@with_node
def stop(session: Session) -> None:
    """Stop the node. Promises and payments go on when it runs again.

    \b
    Example:
      pledgeway node stop --node ./alice
    """
    said = f"the node in {session.directory} stops"
    session.show("stop", {}, lambda _: say(said), STOP_TIMEOUT_S)


@node.command("incidents", cls=TaughtCommand)
@with_node
def incidents(session: Session) -> None:
    """List what went wrong and cost money or may: late claims, contradictions, refusals to pay.

    `pledgeway escrow inbox` shows the same with what to do about it, and writes the evidence.

    \b
    Example:
      pledgeway node incidents --node ./alice
    """

    def show(answer: Json) -> None:
        table(
            ("when", "what", "neighbour", ">amount", "detail"),
            (
                (
                    moment(i.get("at_us")),
                    i.get("what") or i.get("kind"),
                    who(i) or "-",
                    amount(i.get("amount"), i.get("brand")),
                    i.get("detail") or "-",
                )
                for i in answer.get("incidents", ())
            ),
            empty="No incidents.",
        )

    session.show("incidents", {}, show)


@node.command("audit", cls=TaughtCommand)
@with_node
def audit(session: Session) -> None:
    """Check the node's books against themselves: every line, every promise, every total.

    Exit status 1 here says that something does not add up.

    \b
    Example:
      pledgeway node audit --node ./alice && echo sound
    """
    answer = session.show("audit", {}, _show_audit)
    if not answer.get("ok"):
        sys.exit(REFUSED)


def _show_audit(answer: Json) -> None:
    columns = ("booked_out", "sequence_out", "booked_in", "sequence_in")
    pending = ("pending_out", "pending_in")
    table(
        ("line", "neighbour", "brand", *(f">{c.replace('_', ' ')}" for c in (*columns, *pending))),
        (
            (
                short(line.get("id")),
                who(line),
                line.get("brand") or short(line.get("brand_id")),
                *_figures(line, (*columns, *pending)),
            )
            for line in answer.get("lines", ())
        ),
        empty="No lines.",
    )
    say(f"{answer.get('outbox', 0)} messages wait for a neighbour's acknowledgement.")
    for problem in answer.get("problems", ()):
        say(f"PROBLEM: {problem}")
    if answer.get("ok"):
        say("The books are sound.")
    else:
        say("The books are NOT sound: stop the node and keep a copy of its directory.")


def _figures(line: Json, names: Sequence[str]) -> tuple[object, ...]:
    return tuple(line.get(name, "-") for name in names)


node.add_command(node_registry)
node.add_command(node_policy)
node.add_command(node_peer)
node.add_command(node_pathfinder)
node.add_command(node_domain_proof)
node.add_command(node_webhook_keys)
