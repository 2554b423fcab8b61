"""What a run of sales is drawn from: how each party behaves, and what goes wrong (pure)."""

import enum
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from node.command.sim.escrow.plan import Crooked, Ill, Trouble
from node.command.sim.plan import LIES, Action, Break, Fault, draw_plan, in_order
from node.command.sim.sale.tricks import draw_tricks
from node.command.sim.world.spec import REGISTRIES, LineSpec, NodeSpec, Spec
from proto.sale.stakes import SaleRole, Stakes, Times

S: Final = 1_000_000
BUYER, SELLER, AGENT, ARBITER, HOUSE = "Bob", "Sally", "Ned", "Ada", "House"
NAMES: Final = {
    SaleRole.BUYER: BUYER,
    SaleRole.SELLER: SELLER,
    SaleRole.AGENT: AGENT,
    SaleRole.ARBITER: ARBITER,
}
"""Who plays which part."""
EVERYBODY: Final = (BUYER, SELLER, AGENT, ARBITER, HOUSE)
DECIDER: Final = REGISTRIES[0]  # a sale has one registry
BEGIN_US: Final = S
SPAN_US: Final = 60 * S  # things go wrong within: until some way behind the lock
SILENT_US: Final = 100 * S  # somebody falls silent within: until behind D2
TIMES: Final = Times(
    agree_us=12 * S,
    lock_us=30 * S,
    release_us=48 * S,
    window_us=16 * S,
    refund_us=16 * S,
    slash_us=0,
    vote_us=20 * S,
)
SLASH_US: Final = 16 * S  # of a sale with an arbiter
OFFER_US: Final = 60 * S  # an offer lives so long
STAKES: Final = Stakes(1000, 100, 160, 1200, 10, 500, 250, 1000)
CALM, ROUGH = 0, 4
WEATHER: Final = (CALM, CALM, 2, ROUGH)  # faults of a run, and as many ills


@enum.unique
class Conduct(enum.Enum):
    """How a party behaves. ABSENT: there is no arbiter."""

    HONEST = "honest"
    SILENT = "silent"  # from some moment on
    CROOKED = "dishonest"
    ABSENT = "none"


@dataclass(frozen=True, slots=True)
class Figures:
    """What is offered. `tip`: of the agent; `fee`: of the house, flat, of a released price."""

    stakes: Stakes = STAKES
    tip: int = 20
    fee: int = 5


@dataclass(frozen=True, slots=True)
class Party:
    """`silent_us`: from when on, where it is; `dead`: its node is silent too, not only its owner.
    `slow`: takes its time, and acts by hand where others have a rule."""

    role: SaleRole
    conduct: Conduct
    silent_us: int = 0
    dead: bool = False
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """What a run is made of. `sales`: how many the same people make, side by side. `span_us`: after
    it all faults heal."""

    seed: int
    spec: Spec
    parties: tuple[Party, ...]
    crooks: tuple[Crooked, ...] = ()
    faults: tuple[Action, ...] = ()
    ills: tuple[Ill, ...] = ()
    sales: int = 1
    figures: Figures = field(default_factory=Figures)
    span_us: int = SPAN_US

    def conduct(self, role: SaleRole) -> Conduct:
        """How this part behaves."""
        return next((p.conduct for p in self.parties if p.role is role), Conduct.ABSENT)

    @property
    def calm(self) -> bool:
        """Nothing breaks: whatever goes wrong, people did it."""
        return not self.faults and not self.ills

    @property
    def arbitrated(self) -> bool:
        return self.conduct(SaleRole.ARBITER) is not Conduct.ABSENT

    @property
    def name(self) -> str:
        """Who is how, for people."""
        said = (f"{p.role.name.lower()} {p.conduct.value}" for p in self.parties)
        return ", ".join(said)


PARTS: Final = (Conduct.HONEST, Conduct.SILENT, Conduct.CROOKED)
JUDGES: Final = (*PARTS, Conduct.ABSENT)
COMBINATIONS: Final = len(PARTS) ** 3 * len(JUDGES)
"""Every subset of silent and of dishonest parties, with an arbiter and without one: so many seeds
one after the other play each of them once."""


def town() -> Spec:
    """Five nodes without any line of credit between them."""
    return Spec(tuple(NodeSpec(n, REGISTRIES, True, 60_000, (), 0) for n in EVERYBODY), ())


def conducts(number: int) -> dict[SaleRole, Conduct]:
    """The subset of this number, from 0 on."""
    number, judge = divmod(number % COMBINATIONS, len(JUDGES))
    number, agent = divmod(number, len(PARTS))
    buyer, seller = divmod(number, len(PARTS))
    found = {
        SaleRole.BUYER: PARTS[buyer],
        SaleRole.SELLER: PARTS[seller],
        SaleRole.AGENT: PARTS[agent],
        SaleRole.ARBITER: JUDGES[judge],
    }
    return {role: how for role, how in found.items() if how is not Conduct.ABSENT}


def draw_course(seed: int) -> Course:
    """The course of one seed."""
    random = Random(f"pledgeway sim sale {seed}")
    parties = tuple(_party(random, role, how) for role, how in conducts(seed - 1).items())
    crooks = tuple(
        Crooked(NAMES[party.role], random.choice((300, 700, 1000)), draw_tricks(random, party.role))
        for party in parties
        if party.conduct is Conduct.CROOKED
    )
    spec, count = town(), random.choice(WEATHER)
    faults = _faults(random, spec, count) if count else ()
    ills = tuple(_ill(random) for _ in range(random.choice(WEATHER)))
    return Course(
        seed,
        spec,
        parties,
        crooks,
        faults,
        tuple(sorted(ills, key=lambda ill: ill.at_us)),
        sales=random.choice((1, 1, 1, 2)),
        figures=_figures(random),
    )


# Nobody here has a line of credit, and so nothing that they could break.
WIRES: Final = (Fault.DROP, Fault.DOUBLE, Fault.REORDER, Fault.DELAY, Fault.PARTITION)


def _faults(random: Random, spec: Spec, count: int) -> tuple[Action, ...]:
    """Of nodes and of the one registry. The line is drawn from alone: nobody has one."""
    kinds = [fault for fault in Fault if fault not in (*LIES, *WIRES)]
    lined = replace(spec, lines=(LineSpec(BUYER, SELLER, 0, 0),))
    drawn = in_order(draw_plan(random, lined, 0, random.sample(kinds, count), SPAN_US))
    return tuple(_decider(one) for one in drawn if isinstance(one, Break))


def _decider(fault: Break) -> Break:
    """A registry's trouble is the trouble of the one that matters."""
    who = DECIDER if fault.who in REGISTRIES else fault.who
    return replace(fault, who=who, other=DECIDER if fault.other in REGISTRIES else fault.other)


def _party(random: Random, role: SaleRole, how: Conduct) -> Party:
    silent_us = random.randrange(SILENT_US) if random.random() < 0.5 else random.randrange(12 * S)
    dead, slow = random.random() < 0.5, random.random() < 0.3
    return Party(role, how, silent_us if how is Conduct.SILENT else 0, dead, slow)


def _figures(random: Random) -> Figures:
    price = random.choice((10, 1000, 12_345))
    stakes = Stakes(
        price,
        random.choice((0, price // 10)),
        random.choice((1, price // 9, price)),
        random.choice((price, price + price // 5)),
        random.choice((0, 1, 10)),
        random.choice((0, 333, 500, 1000)),
        random.choice((0, 250, 1000)),
        random.choice((0, 700, 1000)),
    )
    return Figures(stakes, random.choice((0, 1, 20)), random.choice((0, 5)))


LETTER_TROUBLES: Final = (
    *(Trouble.LETTERS_LOST, Trouble.LETTERS_DOUBLED, Trouble.LETTERS_SLOW, Trouble.STREET_CUT),
    *(Trouble.DIES_AT_CALL, Trouble.DIES_AT_ANSWER, Trouble.TITLES_DIE, Trouble.TITLES_FAIL),
    Trouble.KEEPER_DOWN,
)


def _ill(random: Random) -> Ill:
    trouble = random.choice(LETTER_TROUBLES)
    who, other = random.sample(EVERYBODY, 2)
    for_us, strength = random.choice((2, 8, 25)) * S, random.randint(1, 12)
    match trouble:
        case Trouble.LETTERS_LOST | Trouble.LETTERS_DOUBLED:
            strength = random.choice((50, 300, 700))
        case Trouble.LETTERS_SLOW:
            strength = random.choice((200_000, 2_000_000, 6_000_000))
        case Trouble.TITLES_DIE | Trouble.TITLES_FAIL | Trouble.KEEPER_DOWN:
            who = HOUSE
        case _:
            pass
    with_other = trouble is Trouble.STREET_CUT
    return Ill(random.randrange(SPAN_US), trouble, who, other * with_other, for_us, strength)
