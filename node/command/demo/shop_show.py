"""What people see of the shop: each scene, a table of all, and the receipts checked offline."""

from typing import Final

import click

from node.command.demo.shop_cast import ANNA, BANK, BRAND, CARRIER, REGISTRY, SHOP
from node.command.demo.shop_shown import Result, Scene
from node.command.demo.show import INDENT, show_check, styled, table
from node.command.display import say

RESTS_ON: Final = {
    "CERTIFIED": f"a certificate of {REGISTRY}",
    "BARE_COMMIT": "the payee's signature and a booking",
    "IN_HOUSE": "the payee's node",
}


def show_opening() -> None:
    """What town this is."""
    say(f"A shop is paid: {ANNA} has an account at the {BANK}, which reaches {SHOP} over the"
        f" {CARRIER}; {REGISTRY} decides.")  # fmt: skip
    say(f"{INDENT}A process each, the shop too; {ANNA} is a browser with a passkey.")


def show_scene(number: int, scene: Scene) -> None:
    """One, as soon as it is over."""
    click.echo()
    verdict = "" if scene.ok else "   NOT AS IT SHOULD BE"
    styled(f"{number}. {scene.title}{verdict}", "bold" if scene.ok else "bold red")
    for line in scene.told:
        say(f"{INDENT}{line}")
    for fault in scene.faults:
        styled(f"{INDENT}WRONG: {fault}", "bold red")


def show_end(result: Result) -> None:
    """The tables, and one line: whether everything went as it should."""
    click.echo()
    styled("What became of it", "bold")
    table(
        ("scene", "how it ended", f">asked, {BRAND}", f">{ANNA} has", ">handed over", ">seconds"),
        [
            (s.scene, s.ended, f"{s.asked:,}" if s.asked else "-", f"{s.balance:,}",
             str(s.handed), f"{s.seconds:.1f}")
            for s in result.scenes
        ],
    )  # fmt: skip
    click.echo()
    styled("Receipts, checked offline by `pledgeway verify receipt`", "bold")
    table(
        ("order", "handed over", f">{BRAND}", "what it rests on"),
        [
            (p.order[:8], p.goods.partition(":")[0], f"{p.amount:,}",
             f"WRONG: {p.fault}" if p.fault else RESTS_ON.get(p.rests_on, p.rests_on))
            for p in result.proofs
        ],
    )  # fmt: skip
    if not result.check.ok:
        show_check(result.check)
    if result.pictures:
        click.echo()
        say(f"{len(result.pictures)} pictures, the first of them {result.pictures[0]}")
    wrong = [scene.title for scene in result.scenes if not scene.ok]
    wrong += [f"the receipt of order {p.order[:8]}" for p in result.proofs if p.fault]
    sound = (("the books", result.check.ok), ("the accounts", result.accounts))
    wrong += [what for what, held in sound if not held]
    click.echo()
    if wrong:
        say(f"Not as it should be: {'; '.join(wrong)} ({result.seconds:.0f} s).")
        return
    say(f"All of it held, in {result.seconds:.0f} s: what was approved was paid and handed over,"
        " once; nothing else was, whoever claimed it.")  # fmt: skip
