"""`pledgeway fees`: what the node charges for standing between two promises."""

from collections.abc import Sequence
from typing import Final

import click

from node.command.argument_types import FLAT_FEE, LEVELS, MODE, MODES, RATE, SPAN
from node.command.display import Json, amount, say, span, table
from node.command.exit_status import UNUSABLE, TaughtCommand, fail
from node.command.session import Session, with_node
from proto.levels import Level
from proto.modes import Loss, Mode, is_late_leak, loss_of, mode_of

RISKS: Final = {
    Loss.NOTHING: "nothing",
    Loss.NOT_U: "all of it, if the commit does not reach the node before in time",
    Loss.NOT_R: "all of it, if the registry is not reached in time",
    Loss.NOT_U_AND_NOT_R: "all of it, if neither the node before nor the registry is reached",
    Loss.LATE_LEAK: "all of it, if the commit comes late and the node does not watch",
}
UNITS: Final = "units"  # fees are set for all brands


@click.group("fees")
def fees() -> None:
    """Show and set what the node charges for passing payments on.

    A node in between holds one promise and gives another. The pair of their levels makes its mode,
    and the mode says what it risks: ATOMIC nothing, BARE the most. A mode without a price is
    refused.

    \b
    Example:
      pledgeway fees set ATOMIC 1 5
      pledgeway fees set BARE 1.006 20
      pledgeway fees show
    """


@fees.command("show", cls=TaughtCommand)
@with_node
def show(session: Session) -> None:
    """Show the price of every pair of levels, and what each mode risks.

    \b
    Example:
      pledgeway fees show --node ./alice
    """
    session.show("fees.show", {}, _show)


@fees.command("set", cls=TaughtCommand)
@click.argument("mode", type=MODE, required=False, metavar="[MODE]")
@click.argument("rate", type=RATE, required=False, metavar="[RATE]")
@click.argument("flat", type=FLAT_FEE, required=False, metavar="[FLAT]")
@click.option("--refuse", type=MODE, multiple=True, help="Take no promises in this mode.")
@click.option("--registry", metavar="REGISTRY", help="Price the use of this registry.")
@click.option("--in-rate", type=RATE, help="... on the promise held.  [default: 1]")
@click.option("--in-flat", type=FLAT_FEE, help="... on the promise held.  [default: 0]")
@click.option("--out-rate", type=RATE, help="... on the promise given.  [default: 1]")
@click.option("--out-flat", type=FLAT_FEE, help="... on the promise given.  [default: 0]")
@click.option("--watch/--no-watch", default=None, help="Watch the registry, and say so.")
@click.option(
    "--hold-max", type=SPAN, help="Longest time that a promise may hold credit, as 60s or 5min."
)
@with_node
def set_(
    session: Session,
    mode: str | None,
    rate: str | None,
    flat: int | None,
    refuse: Sequence[str],
    registry: str | None,
    in_rate: str | None,
    in_flat: int | None,
    out_rate: str | None,
    out_flat: int | None,
    watch: bool | None,
    hold_max: int | None,
) -> None:
    """Set the price of a MODE: what is promised on, times RATE, plus FLAT units.

    MODE is ATOMIC, SECURED, GATEWAY or BARE; RATE is a decimal of at least 1. --registry adds to
    the price where that registry is used; what is left out there is 1 and 0. Promises that stand
    keep their price.

    \b
    Example:
      pledgeway fees set SECURED 1.001
      pledgeway fees set GATEWAY 1.003 2 --watch
      pledgeway fees set --refuse BARE --hold-max 2min
      pledgeway fees set --registry "Harbour Registry" --out-rate 1.0005
    """
    arguments: dict[str, object] = {}
    prices: dict[str, object] = dict.fromkeys(refuse)
    if mode is not None:
        if rate is None:
            fail(UNUSABLE, f"fees set {mode}: RATE is missing: say `fees set {mode} 1.001`")
        if mode in prices:
            fail(UNUSABLE, f"fees set {mode}: priced and refused at once: choose one")
        prices[mode] = {"rate": rate, "flat": flat or 0}
    if prices:
        arguments["fees"] = prices
    parts = {"in_rate": in_rate, "in_flat": in_flat, "out_rate": out_rate, "out_flat": out_flat}
    given = {name: value for name, value in parts.items() if value is not None}
    if registry is not None:
        free = {"in_rate": "1", "in_flat": 0, "out_rate": "1", "out_flat": 0}
        arguments["registry_fees"] = {registry: {**free, **given}}
    elif given:
        fail(UNUSABLE, "fees set: name the registry with --registry")
    if watch is not None:
        arguments["watches_registry"] = watch
    if hold_max is not None:
        arguments["hold_max_ms"] = hold_max * 1000
    if not arguments:
        fail(UNUSABLE, "fees set: nothing to set: see `pledgeway fees set --help`")
    session.show("fees.set", arguments, _show)


def _show(answer: Json) -> None:
    pairs = {(p.get("incoming"), p.get("outgoing")): p for p in answer.get("pairs", ())}
    say(f"To promise 100000 {UNITS} on, the node takes this, by the levels of the two promises:")
    table(
        ("holds \\ gives", *LEVELS),
        (
            (incoming, *(_cell(pairs.get((incoming, outgoing)), answer) for outgoing in LEVELS))
            for incoming in LEVELS
        ),
        empty="",
    )
    prices = answer.get("fees", {})
    table(
        ("mode", ">rate", ">flat", "what it risks"),
        (_mode_row(name, prices.get(name)) for name in MODES),
        empty="",
    )
    say("* The downstream node may come back late: safe only where the node watches the registry.")
    table(
        ("registry", ">in rate", ">in flat", ">out rate", ">out flat"),
        (
            (
                name,
                fee.get("in_rate"),
                amount(fee.get("in_flat"), UNITS),
                fee.get("out_rate"),
                amount(fee.get("out_flat"), UNITS),
            )
            for name, fee in answer.get("registry_fees", {}).items()
        ),
        empty="No registry has a price of its own.",
    )
    say(f"Watches the registry: {'yes' if answer.get('watches_registry') else 'no'}.")
    hold_max_ms = answer.get("hold_max_ms")
    if isinstance(hold_max_ms, int):
        say(f"A promise may hold credit for {span(hold_max_ms // 1000)}.")


def _cell(pair: Json | None, answer: Json) -> str:
    if pair is None or pair.get("mode") is None:
        return "never used"
    mode = pair["mode"]
    if not pair.get("offered"):
        return f"{mode} refused"
    late = is_late_leak(Level[pair["incoming"]], Level[pair["outgoing"]])
    if late and not answer.get("watches_registry"):
        return f"{mode} not watching*"
    return f"{mode} {pair.get('price_of_100000')}{'*' if late else ''}"


def _mode_row(name: str, fee: Json | None) -> tuple[object, ...]:
    if fee is None:
        return (name, "refused", "-", risk_of(Mode[name]))
    return (name, fee.get("rate"), amount(fee.get("flat"), UNITS), risk_of(Mode[name]))


def risk_of(mode: Mode) -> str:
    """What a node in this mode can lose, apart from late leaks (protocol section 3)."""
    losses = {
        loss_of(incoming, outgoing)
        for incoming in Level
        for outgoing in Level
        if mode_of(incoming, outgoing) is mode and not is_late_leak(incoming, outgoing)
    }
    [loss] = losses
    assert loss is not None
    return RISKS[loss]
