"""The scenes of the shop: what Anna does in her browser, and what others try meanwhile.

All of it runs on a thread of its own, since a browser is waited for; nodes are asked on the main
thread, which is trio's.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import trio

from node.command.browsing.window import DESK, PHONE, Browser
from node.command.browsing.wire import BrowserFault
from node.command.demo.shop_cast import ANNA, BANK, BRAND, FIRST, LEDGER, OIL, PROMISES, SHOP
from node.command.demo.shop_forger import try_everything
from node.command.demo.shop_shown import Scene
from node.command.demo.shop_town import Street, invitation
from node.command.processes.control import Json

LEDGER_PRICE: Final = 700
PROMISES_PRICE: Final = 450
FIRST_PRICE: Final = 9000
OIL_PRICE: Final = 30
TABLET: Final = 800  # CSS pixels: a picture without wide margins
REFILLS: Final = 2  # beside the first: the standing approval pays these without anybody
ENOUGH_S: Final = 30.0
BACK: Final = f"Back to {SHOP}"
HANDED: Final = "Paid and handed over"


@dataclass(slots=True)
class Stage:
    """Who plays, and what was seen. `taken`: pictures, where they are wanted."""

    street: Street
    window: Browser
    pictures: Path | None
    progress: Callable[[str], None]
    shown: Callable[[Scene], None]
    played: list[Scene] = field(default_factory=list)
    taken: list[Path] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)  # addresses, as a browser's history has them
    told: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    # ------------------------------------------------------------------ asking others

    def ask(self, house: str, verb: str, /, **arguments: object) -> Json:
        """A node's owner asks it. Refused, RpcError."""
        ask = partial(self.street.house(house).control.ask, verb, **arguments)
        answer: Json = trio.from_thread.run(ask)
        return answer

    def balance(self) -> int:
        """What Anna has at the bank: less than nothing where she owes it."""
        purses = self.ask(BANK, "people.show", name=ANNA)["purses"]
        return sum(int(purse["balance"]) for purse in purses)

    def deliveries(self) -> list[tuple[str, str]]:
        """(order, goods) of all that the shop has handed over, by its own book."""
        with closing(sqlite3.connect(self.street.orders)) as db:
            return list(db.execute("SELECT number, goods FROM deliveries ORDER BY at_us"))

    # ------------------------------------------------------------------ telling

    def tell(self, line: str) -> None:
        self.told.append(line)
        self.progress(line)

    def require(self, held: bool, what: str) -> None:
        """`what` is wrong where it does not hold."""
        if not held:
            self.faults.append(what)

    def picture(self, name: str) -> None:
        if self.pictures is not None:
            # A colour that is still changing would be on it, and nobody ever sees that one.
            self.window.run("document.getAnimations().forEach((one) => one.finish())")
            path = self.pictures / f"{len(self.taken) + 1:02}-{name}.png"
            self.window.picture(path)
            self.taken.append(path)

    def scene(self, scene: Scene, play: Callable[[], None], paid: int, handed: int) -> None:
        """Plays one. `paid`: what it has to take from Anna; `handed`: deliveries that it makes."""
        self.told, self.faults = [], []
        began, before, had = time.monotonic(), self.balance_or_none(), len(self.deliveries())
        play()
        balance, made = self.balance(), len(self.deliveries()) - had
        self.require(made == handed, f"{made} deliveries, not {handed}")
        cost = before - balance
        # A fee comes on top of what is paid, and of nothing where nothing is.
        self.require(paid <= cost <= paid + paid // 10, f"it took {cost} {BRAND} for {paid}")
        complaints = [line for line in self.window.complaints() if "404" not in line]
        self.require(not complaints, f"the browser complains: {' '.join(complaints)[:300]}")
        over = replace(
            scene,
            balance=balance,
            handed=made,
            told=tuple(self.told),
            faults=tuple(self.faults),
            seconds=round(time.monotonic() - began, 1),
        )
        self.played.append(over)
        self.shown(over)

    def balance_or_none(self) -> int:
        """0 before she has an account."""
        people = self.ask(BANK, "people.list")["people"]
        return self.balance() if people else 0

    # ------------------------------------------------------------------ what people do

    def order(self, thing: str) -> str:
        """Anna orders one of a thing, and is led to her own node; the shop's order."""
        window = self.window
        window.open(self.street.shop)
        if thing == LEDGER:
            self.picture("catalogue")
        window.fill(thing, "1")
        window.fill("Your own node", f"{ANNA}@{self.street.bank.removeprefix('http://')}")
        window.press("Pay from your own node")
        window.until_at("/requests/")
        window.until_said(thing)  # whether it still waits or, on a slow machine, has expired
        self.visited += window.requests()
        return next(
            url.split("/")[4] for url in reversed(self.visited) if "/orders/" in url
        )  # fmt: skip

    def approve(self) -> None:
        """By her passkey, until it is paid."""
        window = self.window
        window.press("Approve with your passkey")
        # One that is over before its page is asked for is not shown while it runs.
        final, over = "This is final", "It took"
        window.until(lambda: any(said in window.text() for said in (final, over)), "it is over")
        if final not in window.text():
            window.press("See the outcome", "link")
            window.until_said(final)

    def go_back(self) -> None:
        """To the shop, by the link on her node's page."""
        self.window.press(BACK, "link")
        self.window.until_at(f"{self.street.shop}/orders/")
        self.visited += self.window.requests()


def play(stage: Stage) -> None:
    """All of them, with a passkey that lives as long. BrowserFault, after a last picture."""
    try:
        _play(stage)
    except BrowserFault:
        with suppress(BrowserFault):
            stage.picture("stuck")
        raise


def _play(stage: Stage) -> None:
    stage.window.resize(DESK)
    with stage.window.passkeys():
        stage.scene(Scene("joins", "Anna joins by an invitation", "account open"),
                    partial(_join, stage), 0, 0)  # fmt: skip
        stage.scene(Scene("approved", "She buys a book, and approves", "paid", LEDGER_PRICE),
                    partial(_approved, stage), LEDGER_PRICE, 1)  # fmt: skip
        stage.scene(Scene("denied", "She orders another, and denies", "denied", PROMISES_PRICE),
                    partial(_denied, stage), 0, 0)  # fmt: skip
        stage.scene(Scene("forged", "Meanwhile others say that it was paid", "nothing"),
                    partial(_forged, stage), 0, 0)  # fmt: skip
        stage.scene(Scene("expired", "She looks at a first edition for too long", "expired",
                          FIRST_PRICE), partial(_expired, stage), 0, 0)  # fmt: skip
        stage.scene(Scene("standing", "Her lamp may pay for its oil, until she ends that",
                          "paid three times, then asked again", OIL_PRICE),
                    partial(_standing, stage), OIL_PRICE * (1 + REFILLS), 1 + REFILLS)  # fmt: skip


def _join(stage: Stage) -> None:
    window = stage.window
    link = stage.ask(BANK, "people.invite", **invitation())["link"]
    window.open(link)
    stage.picture("invitation")
    window.press("Make my passkey")
    window.until_said("You are in")
    codes = len(window.all("ol.codes code"))
    stage.require(codes == 10, f"{codes} recovery codes")
    stage.tell(f"The {BANK}'s operator sends a link; a passkey is made, and {codes} codes printed")
    window.open(stage.street.bank)
    stage.require("Nothing waits for you" in window.text(), "her list is not empty")


def _approved(stage: Stage) -> None:
    window = stage.window
    number = stage.order(LEDGER)
    text = window.text()
    stage.require("Total debit at most" in text, "the page does not say what it costs in all")
    if stage.pictures is not None:
        window.resize(TABLET)
        stage.picture("confirmation")
        window.resize(PHONE)
        window.dark(True)
        stage.picture("confirmation-phone-dark")
        window.dark(False)
        window.resize(DESK)
    stage.tell("The shop's request waits at her own node, with what it costs and risks")
    stage.approve()
    stage.picture("paid")
    stage.go_back()
    window.until_said(HANDED)
    stage.picture("handed-over")
    stage.require(stage.deliveries()[-1][0] == number, "another order was handed over")
    stage.tell("Approved by her passkey, decided, and handed over on the receipt")
    window.again()
    window.back()


def _denied(stage: Stage) -> None:
    stage.order(PROMISES)
    stage.window.press("Deny")
    stage.window.until_said("It is as if nobody had asked")
    stage.picture("denied")
    stage.go_back()
    stage.window.until_said("Not paid")
    stage.tell("It is as if nobody had asked; the shop hands over nothing")


def _forged(stage: Stage) -> None:
    for line, fault in try_everything(stage.street, stage.visited):
        stage.tell(line)
        stage.require(not fault, fault)


def _expired(stage: Stage) -> None:
    window = stage.window
    stage.order(FIRST)
    stage.picture("first-edition")

    def over() -> bool:
        window.again()
        return "Not paid" in window.text()

    window.until(over, "the request expires", ENOUGH_S)
    stage.picture("expired")
    stage.go_back()
    window.until_said("Not paid")
    stage.tell("It is held for some seconds; nobody approves, and nothing is owed")


def _standing(stage: Stage) -> None:
    window, street = stage.window, stage.street
    number = stage.order(OIL)
    stage.require("without asking you again" in window.text(), "it does not say what it allows")
    stage.picture("standing-approval")
    stage.approve()
    stage.go_back()
    window.until_said(HANDED)
    stage.tell("Once she approves oil for today, and a little more of it on other days")
    for _ in range(REFILLS):
        window.open(f"{street.shop}/orders/{number}")
        window.press("The lamp is empty: fill it")
        window.until(lambda: number not in window.url(), "an order of its own")
        window.until_said(HANDED)
    stage.tell(f"The lamp asks {REFILLS} times, and is filled without anybody")
    window.open(f"{street.bank}/mandates")
    stage.picture("standing-approvals")
    window.click('form[action$="/revoke"] button')
    window.until_said("you ended it")
    window.open(f"{street.shop}/orders/{number}")
    window.press("The lamp is empty: fill it")
    window.until_said("It waits for you at your own node")
    window.open(street.bank)
    window.until_said("One request waits")
    stage.picture("asked-again")
    stage.tell("She ends it; the next time the lamp asks, her node asks her, and nothing is paid")
    window.press(SHOP, "link")
    window.press("Deny")
    window.until_said("It is as if nobody had asked")
