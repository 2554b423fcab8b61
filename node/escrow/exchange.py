"""The parts of a daemon that exchanges need, put together: judge, desk, post office, ways out."""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from node.core.effects import Deliver, DraftContract, Notify
from node.engine import Engine
from node.escrow.account_keeper import AccountKeeper
from node.escrow.desk import Desk
from node.escrow.judging import Judge
from node.escrow.post_office import PostOffice
from node.escrow.ways import Ways
from node.group import Errand
from node.paying import Payer
from node.sale.drafter import Drafter
from runtime.clock import Clock
from runtime.identity import Entropy, Identity


@dataclass(frozen=True, slots=True)
class Myself:
    """Whose daemon it is. `card` names the service address, if `serves`: letters can reach us."""

    identity: Identity
    alias: str
    card: str
    serves: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the daemon offers others (`desk`), and what its owner's verbs work with."""

    judge: Judge
    accounts: AccountKeeper
    desk: Desk
    post_office: PostOffice
    ways: Ways
    card: str
    """Ours, with the service address in it: what proposals carry."""
    serves: bool
    """Whether letters can reach us."""


def open_exchange(
    engine: Engine,
    payer: Payer,
    me: Myself,
    ways: Ways,
    clock: Clock,
    entropy: Entropy,
    nursery: trio.Nursery,
    notify: Callable[[bytes], None] = lambda _: None,
) -> Exchange:
    """From now on letters are said, and payments that the core makes are driven.

    `notify` sees to a notice row that is to be said."""
    judge = Judge(engine.memory, me.identity, me.alias, entropy)
    post_office = PostOffice(engine, me.identity.key, ways, clock, nursery)
    drafter = Drafter(engine, me.identity.key, entropy)
    desk = Desk(engine, me.identity.key, judge, clock)

    def perform(errand: Errand) -> None:
        match errand:
            case Deliver():
                post_office.deliver(errand)
            case DraftContract(sale):
                drafter.draft(sale)
            case Notify(notice):
                notify(notice)
            case _:
                payer.drive(errand.payment)

    engine.perform = perform
    accounts = AccountKeeper(engine, me.identity, ways, clock, entropy)
    return Exchange(judge, accounts, desk, post_office, ways, me.card, me.serves)
