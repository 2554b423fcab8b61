"""``pledgeway route``: the cheapest chain of promises through a network file (section 10)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich.table import Table

from node.command.argument_types import Natural
from node.command.display import Json, flat_console, say, table_of
from node.command.network_draw import network_of_node
from node.command.route_at import ask_node, at_option, node_to_ask
from node.command.route_draw import DRAW_OPTION, draw_routes
from node.command.route_more import ALTERNATIVES_OPTION, PARTS_OPTION, show_more
from node.command.route_options import MAX_COST_OPTION, Wanted, chain_limits, only_one_of, wishes
from node.command.route_reasons import show_reasons
from node.command.session import Session
from node.command.unaskable import OneLineCommand, told_as_unusable
from node.command.waiting import read_patiently
from pathfinder.answer import Route, RouteAnswer
from pathfinder.asking import ask_all
from pathfinder.core.graph import Graph
from pathfinder.question import RouteQuestion
from proto.levels import Level
from proto.limits import US

NO_ROUTE: Final = 1  # exit status: the question was understood and there is no chain
PARTS_TO_TRY: Final = 4  # as many as a payment takes by itself

_HELP: Final = """Find the cheapest chain of promises from one node to another.

Takes a network from a JSON file, or what a running node knows of it, and prints the chain that lets
the payee receive the amount at the least cost to the payer: who promises how much to whom, at which
level, and under which registry. A node (--at) knows others by alias, by id, or by the first 8
digits of an id.

A level says what redeems a promise. BARE: the commit, in time. SECURED: the commit in time, or
stamped by the registry at any time. ATOMIC: the stamped commit, at any time. PROXY: the stamped
commit, in time.

\b
Example:
  pledgeway route --network net.json --from P --to Q --amount 100000
  pledgeway route --network net.json --from P --to Q --amount 100000 \\
      --registry R1 --last-level ATOMIC --json
  pledgeway route --network net.json --from P --to Q --amount 100000 --draw route.svg
  pledgeway route --at ./alice --to Bob --amount 700 --parts 3 --avoid Carol
  pledgeway route --network net.json --from P --to Q --amount 100000 \\
      --max-risk 0 --avoid B --avoid "C→D" --alternatives 3
  pledgeway route --network net.json --from P --to Q --amount 900000 --parts 4

An alternative lacks, of every chain before it, at least one of those in between (of a direct chain:
its line), and is the cheapest that does. Parts share the registry, its deadline and the lines.

\b
JSON with --alternatives: "alternatives": [answers as the first], "alternatives_exact": true
JSON with --parts: "cost" of all, "at_least": no split costs less (proven), and
  "parts": [{"amount": ..., "cost": ..., "hops": [...], "modes": {...}, "schedule": {...}}]

\b
A smallest network file:
  {"registries": {"R1": {}},
   "nodes": {"P": {"accepts": ["R1"]}, "Q": {"accepts": ["R1"]},
             "A": {"accepts": ["R1"], "fees": {"ATOMIC": {"rate": "1.001", "flat": 5}}}},
   "lines": [{"from": "P", "to": "A", "brand": "USD", "available": 500000},
             {"from": "A", "to": "Q", "brand": "USD", "available": 500000}]}

Exit status: 0 a chain was found, 1 there is none, 2 the file or the question is unusable, or no
node is running; 3 the node's answer was lost.
"""


@click.command("route", cls=OneLineCommand, help=_HELP, short_help="find the cheapest chain")
@click.option(
    "--network",
    "file",
    type=click.Path(path_type=Path),
    help="JSON file that describes registries, nodes and lines.",
)
@at_option
@click.option("--from", "payer", metavar="NODE", help="Who pays. Default with --at: that node.")
@click.option("--to", "payee", required=True, metavar="NODE", help="Who is paid.")
@click.option(
    "--amount",
    required=True,
    type=Natural(),
    help="What the payee receives, in smallest units of the brand.",
)
@click.option("--brand", help="Which brand; needed where the file holds several.")
@chain_limits
@wishes(MAX_COST_OPTION)
@ALTERNATIVES_OPTION
@PARTS_OPTION
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")
@click.option(
    "--explain",
    "explained",
    is_flag=True,
    help="Add the nearest rejected chains and the rule that barred each.",
)
@DRAW_OPTION
@click.pass_context
def route(
    ctx: click.Context,
    file: Path | None,
    directory: Path | None,
    payer: str | None,
    payee: str,
    amount: int,
    brand: str | None,
    registries: Sequence[str],
    last_levels: Sequence[str],
    max_hops: int,
    alternatives: int | None,
    parts: int | None,
    wanted: Wanted,
    as_json: bool,
    explained: bool,
    picture: Path | None,
) -> None:
    node = node_to_ask(file, directory, payer)
    question = RouteQuestion(
        payer or "",
        payee,
        amount,
        brand=brand,
        policies=frozenset(registries) if registries else None,
        last_levels=frozenset(Level[name] for name in last_levels or Level.__members__),
        max_hops=max_hops,
    )
    where = file if node is None else node
    assert where is not None
    with told_as_unusable(where):
        only_one_of({"--alternatives": alternatives is not None, "--parts": parts is not None})
        if node is None:
            network = read_patiently(where)
            graph = Graph.from_network(network)
            question = wanted.applied(question, graph.nodes())
            found = ask_all(
                graph, question, parts=parts, alternatives=alternatives, explained=explained
            )
            said = found.as_json(with_reasons=explained)
        else:
            more = wanted.arguments() | {"parts": parts, "alternatives": alternatives}
            found, question, said = ask_node(
                node, question, more, explained=explained, as_json=as_json
            )
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False))
    else:
        if not found.several:
            _print(found.answer, question)
        show_more(flat_console(), found, question, parts, _table)
        _print_reasons(found.answer, said, explained=explained)
    if picture is not None:
        if node is not None:
            network = network_of_node(Session(node, as_json))
        draw_routes(picture, network, found.answer.brand, found.routes)
    if not found.found:
        ctx.exit(NO_ROUTE)


def _print(answer: RouteAnswer, question: RouteQuestion) -> None:
    console = flat_console()
    if answer.route is None:
        console.print(
            f"No chain lets {question.payee} receive {question.amount} {answer.brand}"
            f" from {question.payer}.",
            markup=False,
        )
    else:
        console.print(_table(answer.route, answer.brand))
        console.print(_sentence(answer, answer.route, question), markup=False)
    if not answer.exact:
        console.print("The search gave up early: there may be a better chain.", markup=False)


def _print_reasons(answer: RouteAnswer, said: Json, *, explained: bool) -> None:
    """What barred other chains, by the JSON form of the answer."""
    show_reasons(said, answer.brand, "Nearest rejected chains:" if explained else "Why:")
    codes = {reason.get("code") for reason in said.get("reasons") or ()}
    if not said.get("found") and "CREDIT_SHORT" in codes and "PARTS" not in codes:
        say(f"Several chains together may carry it: ask with --parts {PARTS_TO_TRY}.")
    if explained and not said.get("reasons") and not said.get("skipped"):
        flat_console().print("No rule barred a cheaper chain.", markup=False)


def _table(found: Route, brand: str) -> Table:
    title = f"Registry: {found.policy.name or 'none, every promise is bare'}"
    modes, rows = dict(found.modes), []
    before: int | None = None
    for hop, lock in zip(found.hops, found.schedule.locks, strict=True):
        rows.append(
            (
                f"{hop.promisor} → {hop.promisee}",
                hop.level.name,
                modes[hop.promisor].name if hop.promisor in modes else "payer",
                hop.amount,
                "" if before is None else before - hop.amount,
                f"{lock // US}.{lock % US // 100_000} s",
            )
        )
        before = hop.amount
    fees = (f">amount ({brand})", ">promisor's fee", ">held at most")
    return table_of(("promise", "level", "promisor's mode", *fees), rows, title)


def _sentence(answer: RouteAnswer, found: Route, question: RouteQuestion) -> str:
    fee = found.cost - answer.amount
    thousandths = fee * 100_000 // answer.amount
    share = f"{thousandths // 1000}.{thousandths % 1000:03d} %"
    return (
        f"{question.payer} pays {found.cost} {answer.brand} so that {question.payee} receives"
        f" {answer.amount}: {fee} ({share}) in fees."
    )


if __name__ == "__main__":
    route.main(prog_name="pledgeway route")
