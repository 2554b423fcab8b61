"""What goes wrong with exchanges alone, as it befalls a running village."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import update

from node.command.sim.escrow.host import ExchangeHost
from node.command.sim.escrow.plan import Ill, Trouble
from node.command.sim.escrow.world import ExchangeWorld
from node.command.sim.world.disk import Death
from node.registrar.tables import account
from runtime.faults import StoreFault

Mend = Callable[[], None]
DEATHS = tuple(Death)


def befall(world: ExchangeWorld, ill: Ill) -> None:
    """It begins. What lasts ends by itself after `ill.for_us`."""
    mend = _befall(world, ill)
    if mend is not None:
        world.agenda.after(ill.for_us, mend)


def _befall(world: ExchangeWorld, ill: Ill) -> Mend | None:
    host, streets = world.people[ill.who], world.streets
    match ill.trouble:
        case Trouble.LETTERS_LOST:
            streets.lost = ill.strength
            return partial(setattr, streets, "lost", 0)
        case Trouble.LETTERS_DOUBLED:
            streets.doubled = ill.strength
            return partial(setattr, streets, "doubled", 0)
        case Trouble.LETTERS_SLOW:
            streets.slow_us = ill.strength
            return partial(setattr, streets, "slow_us", 0)
        case Trouble.STREET_CUT:
            pair = frozenset((ill.who, ill.other))
            streets.cut.add(pair)
            return partial(streets.cut.discard, pair)
        case Trouble.DIES_AT_CALL:
            host.calls_left = ill.strength
        case Trouble.DIES_AT_ANSWER:
            host.answers_left = ill.strength
        case Trouble.TITLES_DIE if host.books is not None:
            when = Death(ill.other) if ill.other else DEATHS[ill.strength % len(DEATHS)]
            host.books.doom_at(ill.strength, when)
        case Trouble.TITLES_FAIL if host.books is not None:
            host.books.failing = StoreFault.DISK_FULL
            return host.books.heal
        case Trouble.KEEPER_DOWN | Trouble.HELPER_DOWN:
            return _down(host)
        case Trouble.FROZEN:
            _freeze(host, True)
            return partial(_freeze, host, False)
        case _:
            pass
    return None


def _down(host: ExchangeHost) -> Mend:
    host.held = True
    host.kill()

    def up() -> None:
        host.held = False
        host.start()

    return up


def _freeze(host: ExchangeHost, frozen: bool) -> None:
    """As its owner would, account by account."""
    assert host.titles is not None
    with host.titles.connect() as connection, connection.begin():
        connection.execute(update(account).values(frozen=int(frozen)))
