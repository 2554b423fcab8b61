"""What people see of the sales: what happened when, what each ended with, and a table of all."""

from collections.abc import Iterable, Sequence
from typing import Final

import click

from node.command.demo.sale_cast import AGENTS, BEA, BOB, HOUSE, REGISTRY, SALLY
from node.command.demo.sale_shown import NOT_LOCKED, Scene
from node.command.demo.show import INDENT, show_check, styled, table
from node.command.display import say
from node.command.processes.books import Check

BRANCHES: Final = {
    "RELEASED": "released: the seller is paid",
    "REFUNDED": "refunded: attested, and challenged",
    "REFUND_PLAIN": "refunded: never attested",
    NOT_LOCKED: "not locked: all came back",
}
PARTS: Final = ("buyer", "seller", "agent", "house")


def show_opening() -> None:
    """What town this is."""
    say(f"A town that sells names: {BOB} and {BEA} buy, {SALLY} sells, {', '.join(AGENTS)} judge;"
        f" the {HOUSE} keeps the stakes, {REGISTRY} decides.")  # fmt: skip
    say(f"{INDENT}A process each, and one more: the registrar of names, which knows of nothing but"
        " passwords.")  # fmt: skip


def _signed(change: int) -> str:
    return f"{change:+,}" if change else "0"


def how_it_ended(scene: Scene) -> str:
    """In a few words."""
    slashed = "; the bond is forfeited" if scene.bond == "SLASHED" else ""
    return BRANCHES.get(scene.branch, scene.branch) + slashed


def show_scene(number: int, scene: Scene) -> None:
    """One sale, in its turn."""
    click.echo()
    verdict = "" if scene.ok else "   NOT AS IT SHOULD BE"
    styled(f"{number}. {scene.title}{verdict}", "bold" if scene.ok else "bold red")
    for line in scene.told:
        say(f"{INDENT}{line}")
    if scene.branch:
        how = how_it_ended(scene)
        votes = f"votes: {', '.join(scene.votes)}" if any(scene.votes) else "nobody votes"
        say(f"{INDENT}{scene.thing} for {scene.price:,}, {how}; {votes}.")
    if scene.scores is not None:
        before, after = scene.scores
        say(f"{INDENT}{scene.agent}'s score, as {BEA} sees it: {before:,} before, {after:,} after.")
    if scene.ended:
        table(
            ("part", "who", ">had", ">has", ">change", ">contract says"),
            [
                (e.part, e.who, f"{e.before:,}", f"{e.after:,}", _signed(e.change),
                 _signed(e.wanted))
                for e in scene.ended
            ],
        )  # fmt: skip
    for fault in scene.faults:
        styled(f"{INDENT}WRONG: {fault}", "bold red")


def show_end(scenes: Iterable[Scene], check: Check, unsound: Sequence[str], seconds: float) -> None:
    """The table of all branches, and one line: whether everything went as it should."""
    scenes = list(scenes)
    click.echo()
    styled("What each has more or less in the end, at the house", "bold")
    table(
        ("scene", "how it ended", *(f">{part}" for part in PARTS)),
        [
            (s.scene, how_it_ended(s), *(_signed(e.change) for e in s.ended))
            for s in scenes
            if s.ended
        ],
    )
    if not check.ok:
        show_check(check)
    wrong = [scene.title for scene in scenes if not scene.ok]
    wrong += [*([] if check.ok else ["the books"]), *unsound]
    if wrong:
        say(f"Not as it should be: {'; '.join(wrong)} ({seconds:.0f} s).")
        return
    say(f"All of it held, in {seconds:.0f} s: each has just what the contract says, whoever was"
        " silent or killed.")  # fmt: skip
