"""`pledgeway max-sendable`: the most that a payee can receive, and which lines stop more."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from node.command.argument_types import CountType
from node.command.display import flat_console, table_of
from node.command.route_at import at_option, node_to_ask
from node.command.route_options import BUDGET_OPTION, Wanted, chain_limits, wishes
from node.command.unaskable import OneLineCommand, told_as_unusable
from pathfinder.core.graph import Graph
from pathfinder.files.json_place import shown
from pathfinder.files.network_file import read_network
from pathfinder.plans.plan_json import sendable_as_json
from pathfinder.plans.sendable import max_sendable
from pathfinder.question import RouteQuestion
from proto.levels import Level
from proto.limits import MAX_PARTS

NOTHING: Final = 1  # exit status: the question was understood, and not one unit can be sent
MAX_NAMED_LINES: Final = 12  # of a bottleneck, in the table for people

_HELP: Final = """Say how much can be paid at most, over one chain or several.

The greatest amount that the payee can receive from the payer under one commit, fees taken into
account, and the chains that deliver it. The table below names the lines that all money has to
cross: whoever wants to send more asks for more credit there first.

\b
Example:
  pledgeway max-sendable --network net.json --from P --to Q
  pledgeway max-sendable --network net.json --from P --to Q --parts 4 --budget 5000
  pledgeway max-sendable --at ./alice --to Bob --brand USD --parts 3 --json

Over one chain the answer is exact where there are fewer than 1,000 lines, and mostly elsewhere.
Over several it is proven where each policy leaves at most 600
useful ways from payer to payee (towns of ten houses or so, larger ones where lines are few), and
else where a bound says that there cannot be more; if not, the answer says what there could be at
most.

\b
JSON: {"amount": 900, "at_most": 950, "exact": false, "cost": 912, "brand": "USD",
       "registry": "R1", "routes": [{"amount": …, "cost": …, "hops": […], …}],
       "bottleneck": [{"from": "P", "to": "A", "carries": 950, "used": 912}], "cut": 950}

Exit status: 0 something can be sent, 1 nothing can, 2 the file or the question is unusable.
"""


@click.command("max-sendable", cls=OneLineCommand, help=_HELP)
@click.option(
    "--network", "file", type=click.Path(path_type=Path), help="JSON file of the network."
)
@at_option
@click.option("--from", "payer", metavar="NODE", help="Who pays.  [default with --at: that node]")
@click.option("--to", "payee", required=True, metavar="NODE", help="Who is paid.")
@click.option("--brand", help="Which brand; needed where there are several.")
@click.option(
    "--parts",
    type=CountType(1, MAX_PARTS),
    default=1,
    show_default=True,
    metavar="N",
    help="Over at most N chains under one commit.",
)
@chain_limits
@wishes(BUDGET_OPTION)
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")
@click.pass_context
def max_sendable_(
    ctx: click.Context,
    file: Path | None,
    directory: Path | None,
    payer: str | None,
    payee: str,
    brand: str | None,
    parts: int,
    registries: Sequence[str],
    last_levels: Sequence[str],
    max_hops: int,
    wanted: Wanted,
    as_json: bool,
) -> None:
    at = node_to_ask(file, directory, payer)
    if file is not None and payer is not None:
        question = RouteQuestion(
            payer,
            payee,
            1,
            brand=brand,
            policies=frozenset(registries) if registries else None,
            last_levels=frozenset(Level[name] for name in last_levels or Level.__members__),
            max_hops=max_hops,
        )
        with told_as_unusable(file):
            graph = Graph.from_network(read_network(file))
            question = wanted.applied(question, graph.nodes())
            answer = sendable_as_json(max_sendable(graph, question, parts))
    else:
        assert at is not None
        given = wanted.arguments() | {
            "payer": payer,
            "payee": payee,
            "brand": brand,
            "parts": parts,
            "registries": list(registries),
            "last_levels": list(last_levels),
            "max_hops": max_hops,
        }
        given = {k: v for k, v in given.items() if v not in (None, [])}
        answer = _asked(at, given, as_json=as_json)
        payer = answer.pop("payer")
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _print(answer, str(payer), payee)
        _print_bottleneck(answer, parts, wanted.max_cost)
    if not answer["amount"]:
        ctx.exit(NOTHING)


def _asked(at: Path, given: Mapping[str, object], *, as_json: bool) -> dict[str, Any]:
    from node.command.session import Session  # a file is looked at without it

    return dict(Session(at, as_json).ask("max_sendable", given).value)


def _print(answer: Mapping[str, Any], payer: str, payee: str) -> None:
    console, brand = flat_console(), answer["brand"]
    say: Callable[[str], None] = lambda text: console.print(text, markup=False)  # noqa: E731
    amount, cost = answer["amount"], answer["cost"]
    payer, payee = shown(payer), shown(payee)
    if not amount:
        say(f"{payee} can receive nothing in {brand or 'any brand'} from {payer}.")
    else:
        over = "one chain" if len(answer["routes"]) == 1 else f"{len(answer['routes'])} chains"
        say(
            f"{payee} can receive {amount} {brand} from {payer} over {over}, for {cost}:"
            f" {cost - amount} in fees."
        )
        console.print(_chains(answer))
    if not answer["exact"]:
        say(f"More may be possible, but no more than {answer['at_most']} {brand}.")


def _chains(answer: Mapping[str, Any]) -> Table:
    title = f"Registry: {answer['registry'] or 'none, every promise is bare'}"
    rows = []
    for part in answer["routes"]:
        hops = part["hops"]
        names = [hops[0]["from"], *(hop["to"] for hop in hops)]
        levels = ", ".join(hop["level"] for hop in hops)
        rows.append((" → ".join(names), levels, part["amount"], part["cost"]))
    return table_of(("chain", "levels", f">received ({answer['brand']})", ">paid"), rows, title)


def _print_bottleneck(answer: Mapping[str, Any], parts: int, budget: int | None) -> None:
    console = flat_console()
    lines, cut = answer["bottleneck"], answer["cut"]
    if cut is None:
        return
    if not lines:
        console.print("No lines lead there from the payer.", markup=False)
        return
    used = sum(line["used"] for line in lines)
    rows = (
        (
            f"{line['from']} → {line['to']}",
            line["carries"],
            line["used"],
            line["carries"] - line["used"],
        )
        for line in lines[:MAX_NAMED_LINES]
    )
    columns = ("line", f">carries ({answer['brand']})", ">used", ">free")
    console.print()
    console.print(table_of(columns, rows, "What all money has to cross:"))
    if len(lines) > MAX_NAMED_LINES:
        console.print(f"and {len(lines) - MAX_NAMED_LINES} more lines.", markup=False)
    amount, cost = answer["amount"], answer["cost"]
    if used == cut:
        text = "They are full: more credit on any of them is what it takes to send more."
    elif budget is not None and (budget - cost) * amount < cost:  # at the price of all so far
        text = "The budget is spent; what is left of it buys not one unit more."
    elif amount and len(answer["routes"]) == parts and parts < MAX_PARTS:
        text = f"They have {cut - used} left: more chains (--parts {parts + 1}) may use it."
    else:
        text = (
            f"They have {cut - used} left, which fees, levels, registries or the lines behind them"
            f" let nobody use: `pledgeway route --amount {amount + 1} --explain` says why."
        )
    console.print(text, markup=False)
