"""`pledgeway network show`: nodes and lines as a table, from a node or from a file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import PATH
from node.command.display import Json, facts, gap, moment, say, short, span, table, yes_no
from node.command.exit_status import UNUSABLE, TaughtCommand, fail, plain
from node.command.network_export import EXPORT_TIMEOUT_S
from node.command.session import Session, at_node
from proto.money import SCALE, Rate

ROWS: Final = 40  # of nodes and of lines: what a person still reads
MAX_ROWS: Final = 10_000  # of one page: it is sent as a whole
NAMES_SHOWN: Final = 4  # of the registries in one cell
MODES: Final = ("ATOMIC", "SECURED", "GATEWAY", "BARE")
PRICED_AMOUNT: Final = 100_000  # what the price of a mode is shown for
FILE_SUFFIX: Final = ".json"
ONE_OF: Final = {
    "nodes": "node",
    "lines": "line",
    "registries": "registry",
    "policies": "policy",
}
LEGEND: Final = (
    "Fees: A(TOMIC) S(ECURED) G(ATEWAY) B(ARE), what is asked above the amount; a mode that is not"
    " there is refused."
)


@click.command("show", cls=TaughtCommand)
@click.argument("what", nargs=-1, metavar="[FILE] [NODE]")
@click.option("--network", "file", type=PATH, metavar="FILE", help="A network file, and no node.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_ROWS),
    default=ROWS,
    show_default=True,
    help="Most rows of nodes, and of lines.",
)
@click.option("--page", type=click.IntRange(1), default=1, show_default=True, help="Which rows.")
@at_node
def show(session: Session, what: Sequence[str], file: Path | None, limit: int, page: int) -> None:
    """Show the network as a node knows it, or as a network FILE describes it.

    Nodes with the registries that they accept, what they ask, and their lines; lines with what can
    still be promised along them, how long ago that was said, and until when it counts. With NODE
    (its alias, its id or the first 8 digits of it) that node alone, what it asks for each mode, and
    its lines. What ends in .json, or is a file, is a FILE.

    \b
    Example:
      pledgeway network show --at ./alice
      pledgeway network show Bob --at ./alice
      pledgeway network show net.json --page 2
      pledgeway network show net.json Bob --json
    """
    names = list(what)
    if file is None and names and (names[0].endswith(FILE_SUFFIX) or Path(names[0]).is_file()):
        file = Path(names.pop(0))
    if len(names) > 1:
        fail(UNUSABLE, f"one node at a time, not {plain(' '.join(names))}")
    node = names[0] if names else None
    skip = (page - 1) * limit
    view = (
        _of_file(file, node, skip, limit)
        if file is not None
        else _of_node(session, node, skip, limit)
    )
    if session.as_json:
        click.echo(json.dumps(view, ensure_ascii=False))
    else:
        _print(view, node, page)


def _of_node(session: Session, node: str | None, skip: int, limit: int) -> dict[str, Any]:
    view: dict[str, Any] = {"nodes": [], "lines": []}

    def take(piece: Json) -> str:
        view["nodes"] += piece.get("nodes", ())
        view["lines"] += piece.get("lines", ())
        view.update((key, piece[key]) for key in piece if key not in ("nodes", "lines", "end"))
        return "reading"

    arguments: dict[str, object] = {"skip": skip, "limit": limit}
    if node is not None:
        arguments["node"] = node
    session.collect("network.show", arguments, take, EXPORT_TIMEOUT_S)
    return view


def _of_file(file: Path, node: str | None, skip: int, limit: int) -> dict[str, Any]:
    from node.command.waiting import read_patiently
    from pathfinder.files.json_place import NetworkFileError
    from runtime.network_page import Page

    try:
        network = read_patiently(file)
    except NetworkFileError as error:
        fail(UNUSABLE, str(error))
    if node is not None and all(one.name != node for one in network.nodes):
        fail(UNUSABLE, f"{file}: no node {plain(node)}; a file knows nodes by their whole names")
    page = Page(skip, limit, node)
    for one in _entries(network):
        page.take(one)
    return {
        "sizes": page.sizes,
        "at_us": None,
        "skip": skip,
        "limit": limit,
        "nodes": page.nodes,
        "lines": page.lines,
    }


def _entries(network: Any) -> Iterator[Any]:
    """The network of a file as a node would tell it."""
    from pathfinder.files.network_file import line_json, node_json, policy_json
    from proto.network_view import Known

    for name in sorted(network.registries):
        yield Known("registries", name, dict, dict)
    for policy in sorted(network.policies, key=lambda p: p.name):
        yield Known("policies", policy.name, partial(policy_json, policy), dict)
    for node in sorted(network.nodes, key=lambda n: n.name):
        yield Known("nodes", node.name, partial(node_json, node), dict)
    for line in sorted(network.lines, key=lambda x: (x.promisor, x.promisee, x.brand)):
        ends = (line.promisor, line.promisee, line.brand)
        yield Known("lines", "", partial(line_json, line), dict, ends)


# ---------------------------------------------------------------- for people


def _print(view: Json, node: str | None, page: int) -> None:
    sizes = view.get("sizes", {})
    brands = [f"{plain(name)} {count}" for name, count in sizes.get("brands", {}).items()]
    left = len(brands) + sizes.get("more_brands", 0) - NAMES_SHOWN
    more = f" and {left} more" if left > 0 else ""
    counts = {
        name: f"{sizes.get(name, 0)} {one if sizes.get(name) == 1 else name}"
        for name, one in ONE_OF.items()
    }
    counts["lines"] += f" ({', '.join(brands[:NAMES_SHOWN])}{more})" if brands else ""
    say(", ".join(counts.values()))
    gap()
    at_us = view.get("at_us")
    nodes, lines = view.get("nodes", []), view.get("lines", [])
    if node is None:
        _nodes(nodes, at_us)
        gap()
    else:
        for one in nodes:
            _node(one, at_us)
    _lines(lines, at_us)
    if node is None:
        _place("nodes", view, len(nodes), sizes.get("nodes", 0), page)
    _place("lines", view, len(lines), sizes.get("own_lines", sizes.get("lines", 0)), page)


def _place(what: str, view: Json, shown: int, there: int, page: int) -> None:
    if shown < there:
        first = view.get("skip", 0) + 1
        which = f"{first} to {first + shown - 1}" if shown else "none"
        following = f"; --page {page + 1} shows more" if first + shown - 1 < there else ""
        say(f"{what.capitalize()} {which} of {there}{following if shown else ''}.")


def _nodes(nodes: Sequence[Json], at_us: object) -> None:
    known = any(one.get("id") for one in nodes)
    rows = [
        (
            one.get("name"),
            *((short(one.get("id")),) if known else ()),
            _some(one.get("accepts", ())),
            yes_no(one.get("watches_registry")),
            fees_in_short(one.get("fees") or {}),
            one.get("lines_out"),
            one.get("lines_in"),
            *((_age(one, at_us), moment(one.get("expires_at_us"))) if known else ()),
        )
        for one in nodes
    ]
    columns = (
        "node", *(("id",) if known else ()), "accepts", "watches", "fees", ">lines out",
        ">lines in", *((">said", "counts until") if known else ()),
    )  # fmt: skip
    table(columns, rows, empty="No nodes here.")
    if rows:
        say(LEGEND)


def _lines(lines: Sequence[Json], at_us: object) -> None:
    known = any(one.get("expires_at_us") for one in lines)
    table(
        (
            *("from", "to", ">can promise", "brand", "own fees"),
            *((">said", "counts until") if known else ()),
        ),
        [
            (
                one.get("from"),
                one.get("to"),
                one.get("available"),
                one.get("brand"),
                _own_fees(one),
                *((_age(one, at_us), moment(one.get("expires_at_us"))) if known else ()),
            )
            for one in lines
        ],
        empty="No lines here.",
    )


def _node(one: Json, at_us: object) -> None:
    hold_ms = one.get("hold_max_ms")
    facts(
        (
            ("node", one.get("name")),
            ("id", one.get("id")),
            ("calls itself", one.get("alias")),
            ("address", one.get("address") or None),
            ("accepts", ", ".join(map(plain, one.get("accepts", ()))) or "no registry"),
            ("watches", yes_no(one.get("watches_registry"))),
            ("holds for", None if hold_ms is None else f"at most {span(hold_ms / 1000)}"),
            ("said", f"{_age(one, at_us)} ago" if one.get("said_us") else None),
            ("counts until", moment(until) if (until := one.get("expires_at_us")) else None),
            ("lines", f"{one.get('lines_out')} out, {one.get('lines_in')} in"),
        )
    )
    gap()
    fees = one.get("fees") or {}
    table(
        ("mode", ">rate", ">flat", f">asks for {PRICED_AMOUNT}"),
        [
            (mode, fees[mode].get("rate"), fees[mode].get("flat"), _price(fees[mode]))
            if mode in fees
            else (mode, "refused", "", "")
            for mode in MODES
        ],
        empty="",
    )
    gap()
    if registry_fees := one.get("registry_fees"):
        table(
            ("beside it, under", ">held: rate", ">flat", ">given: rate", ">flat "),
            [
                (name, fee.get("in_rate"), fee.get("in_flat"), fee.get("out_rate"),
                 fee.get("out_flat"))
                for name, fee in registry_fees.items()
            ],
            empty="",
        )  # fmt: skip
        gap()


def _age(one: Json, at_us: object) -> str:
    said_us = one.get("said_us")
    if not isinstance(said_us, int) or not isinstance(at_us, int):
        return "-"
    return span(max(0, at_us - said_us) // 1_000_000)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(plain(name)[:20] for name in names[:NAMES_SHOWN])
    more = f" +{len(names) - NAMES_SHOWN}" if len(names) > NAMES_SHOWN else ""
    return shown + more or "-"


def _own_fees(one: Json) -> str:
    fees = one.get("fees")
    words = [] if fees is None else [fees_in_short(fees)]
    if one.get("registry_fees") is not None:
        words.append("own registry fees")
    return ", ".join(words)


def fees_in_short(fees: Mapping[str, Json]) -> str:
    """What is asked above the amount: "A 0, S 0.1 %, B 0.6 % + 5"; a mode that is not there is
    refused."""
    return ", ".join(f"{mode[0]} {_above(fees[mode])}" for mode in MODES if mode in fees) or "-"


def _above(fee: Json) -> str:
    nano, flat = _nano(fee), fee.get("flat", 0)
    share = f"{Rate(100 * (nano - SCALE))} %" if nano != SCALE else ""
    return " + ".join(part for part in (share, str(flat) if flat else "") if part) or "0"


def _price(fee: Json) -> int:
    flat = fee.get("flat", 0)
    return -(-PRICED_AMOUNT * _nano(fee) // SCALE) + (flat if isinstance(flat, int) else 0)


def _nano(fee: Json) -> int:
    try:
        return Rate.parse(str(fee.get("rate", "1"))).nano
    except ValueError:
        return SCALE
