"""``pledgeway route``: the cheapest chain of promises through a network file (section 10)."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from node.command.display import Json
from node.command.network_draw import network_of_node
from node.command.route_at import ask_node, at_option, node_to_ask
from node.command.route_draw import DRAW_OPTION, draw_routes
from node.command.route_more import (
    ALTERNATIVES_OPTION,
    NOTHING_MORE,
    PARTS_OPTION,
    More,
    beside,
    in_parts,
    with_reasons,
)
from node.command.route_options import MAX_COST_OPTION, CannotAsk, Wanted, only_one_of, wishes
from node.command.route_reasons import show_reasons
from node.command.session import Session
from node.command.waiting import read_patiently
from pathfinder.answer import Route, RouteAnswer
from pathfinder.answer_json import answer_as_json
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.explain import explain
from pathfinder.files.json_place import NetworkFileError, shown
from pathfinder.plans.alternatives import find_alternatives
from pathfinder.question import BadQuestion, Fault, RouteQuestion
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS, US

NO_ROUTE: Final = 1  # exit status: the question was understood and there is no chain
UNUSABLE: Final = 2  # exit status: the question could not be asked
MAX_DIGITS: Final = 40  # of a number on the command line: anything longer is out of range anyway

_FIELD: Final = {
    Fault.AMOUNT: "--amount",
    Fault.MAX_HOPS: "--max-hops",
    Fault.PAYER_UNKNOWN: "--from",
    Fault.PAYEE_UNKNOWN: "--to",
    Fault.PAYS_ITSELF: "--to",
    Fault.BRAND_MISSING: "--brand",
    Fault.BRAND_UNKNOWN: "--brand",
    Fault.POLICY_UNKNOWN: "--registry",
}
_CAUSE: Final = {
    Fault.AMOUNT: "an amount lies between 1 and " + str(MAX_AMOUNT) + ", not {}",
    Fault.MAX_HOPS: "a chain has 1 to " + str(MAX_HOPS) + " promises, not {}",
    Fault.PAYER_UNKNOWN: "no node {}",
    Fault.PAYEE_UNKNOWN: "no node {}",
    Fault.PAYS_ITSELF: "{} cannot pay itself",
    Fault.BRAND_MISSING: "the file holds several brands, name one of {}",
    Fault.BRAND_UNKNOWN: "no line in brand {}",
    Fault.POLICY_UNKNOWN: "no registry or policy {}",
}

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
  pledgeway route --at ./alice --to Bob --amount 700
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


class Unusable(click.ClickException):
    """One line on standard error and exit status 2."""

    exit_code = UNUSABLE

    def __init__(self, message: str, ctx: click.Context | None = None) -> None:
        super().__init__(message)
        self.ctx = ctx or click.get_current_context(silent=True)

    def show(self, file: Any = None) -> None:
        name = "route" if self.ctx is None else self.ctx.info_name
        click.echo(f"pledgeway {name}: {self.format_message()}", err=True, file=file)


class Natural(click.ParamType[int]):
    """Plain decimal digits: what `int` would also take ("1_0", "٣") is more likely an accident."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit():
            self.fail(f"{shown(text)!r} is not a whole number", param, ctx)
        if len(digits) > MAX_DIGITS:
            self.fail("a number of too many digits", param, ctx)
        return int(text)


class OneLineCommand(click.Command):
    """Complains about its options in one line, as about everything else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise Unusable(" ".join(error.format_message().split()), ctx) from error


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
@click.option(
    "--registry",
    "registries",
    multiple=True,
    metavar="NAME",
    help="Registry or policy to consider; repeatable. Default: all of the file.",
)
@click.option(
    "--last-level",
    "last_levels",
    multiple=True,
    type=click.Choice([level.name for level in Level]),
    help="Level that the payee takes; repeatable. Default: all.",
)
@click.option(
    "--max-hops",
    type=Natural(),
    default=MAX_HOPS,
    show_default=True,
    help="Most promises in the chain.",
)
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
    several = {"--alternatives": alternatives is not None, "--parts": parts is not None}
    if node is not None or file is None:
        assert node is not None
        with told_as_unusable(node):
            question = wanted.told(question, [name for name, given in several.items() if given])
        answer, question, said = ask_node(node, question, explained=explained, as_json=as_json)
        if as_json:
            click.echo(json.dumps(said, ensure_ascii=False))
        else:
            _print(answer, question)
            _print_reasons(answer, said, explained=explained)
        if picture is not None:
            known = network_of_node(Session(node, as_json))
            draw_routes(picture, known, answer.brand, (answer.route,) if answer.route else ())
        ctx.exit(0 if answer.found else NO_ROUTE)
    with told_as_unusable(file):
        only_one_of(several)
        network = read_patiently(file)
        graph = Graph.from_network(network)
        question = wanted.applied(question, graph.nodes())
        answer, more = _searched(graph, question, alternatives, parts)
        if explained or not (answer.found or more.several):
            answer = with_reasons(explain(graph, question, answer), more)
    if as_json:
        whole = answer_as_json(answer, with_reasons=explained) | more.json
        click.echo(json.dumps(whole, ensure_ascii=False))
    else:
        if not more.several:
            _print(answer, question)
        more.show(Console(highlight=False), _table)
        said = answer_as_json(answer, with_reasons=True)
        _print_reasons(answer, said, explained=explained)
    if picture is not None:
        drawn = more.routes or ((answer.route,) if answer.route else ())
        draw_routes(picture, network, answer.brand, drawn)
    if not (answer.found or more.several):
        ctx.exit(NO_ROUTE)


def _searched(
    graph: Graph, question: RouteQuestion, alternatives: int | None, parts: int | None
) -> tuple[RouteAnswer, More]:
    if parts is not None:
        return in_parts(graph, question, parts)
    if alternatives is not None:
        found = find_alternatives(graph, question, alternatives)
        return found.first, beside(found)
    return find_route(graph, question), NOTHING_MORE


@contextmanager
def told_as_unusable(file: Path) -> Iterator[None]:
    """What cannot be asked of the file ends the command with one line that names it."""
    try:
        yield
    except NetworkFileError as error:
        raise Unusable(str(error)) from error
    except CannotAsk as error:
        raise Unusable(f"{shown(str(file))}: {error}") from error
    except BadQuestion as error:
        cause = _CAUSE[error.fault].format(shown(error.subject))
        raise Unusable(f"{shown(str(file))}: {_FIELD[error.fault]}: {cause}") from error


def _print(answer: RouteAnswer, question: RouteQuestion) -> None:
    console = Console(highlight=False)
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
    if explained and not said.get("reasons") and not said.get("skipped"):
        Console(highlight=False).print("No rule barred a cheaper chain.", markup=False)


def _table(found: Route, brand: str) -> Table:
    table = Table(title=f"Registry: {found.policy.name or 'none, every promise is bare'}")
    table.add_column("Promise", overflow="fold")
    table.add_column("Level")
    table.add_column("Promisor's mode")
    table.add_column(f"Amount ({brand})", justify="right")
    table.add_column("Promisor's fee", justify="right")
    table.add_column("Held at most", justify="right")
    modes = dict(found.modes)
    before: int | None = None
    for hop, lock in zip(found.hops, found.schedule.locks, strict=True):
        table.add_row(
            _plain(f"{hop.promisor} → {hop.promisee}"),
            hop.level.name,
            modes[hop.promisor].name if hop.promisor in modes else "payer",
            str(hop.amount),
            "" if before is None else str(before - hop.amount),
            f"{lock // US}.{lock % US // 100_000} s",
        )
        before = hop.amount
    return table


def _plain(text: str) -> str:
    # A name may hold square brackets, which the table would read as its own markup.
    return text.replace("[", r"\[")


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
