"""What a run is drawn from: who exchanges what with whom, and what goes wrong (pure)."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from node.command.sim.escrow.cases import BY_NAME, KNOWN, Case
from node.command.sim.plan import LIES, Action, Fault, draw_plan, in_order
from node.command.sim.world.spec import COLLECTIVE, REGISTRIES, LineSpec, NodeSpec, Price, Spec

S: Final = 1_000_000
PARTIES: Final = ("Ann", "Bob", "Cid", "Dot", "Eve")
KEEPERS: Final = ("K1", "K2", "K3")  # registrars, and the credit network between the parties
HELPER: Final = "Nan"  # coordinates for others and has no line
LIMIT: Final = 100_000
BEGIN_US: Final = 12 * S  # exchanges are proposed within
SPAN_US: Final = 30 * S  # and things go wrong within
WITHIN_S: Final = (12, 30)
JOIN_S: Final = (6, 15)

# An ordinary day, a rough one, and how often each comes.
CALM, ROUGH = 0, 5
WEATHER: Final = (CALM, 1, 2, ROUGH)


@enum.unique
class Manner(enum.Enum):
    """How a person behaves whose node is honest."""

    PLAIN = "plain"
    STANDING = "standing"  # a rule of his joins for him
    SLOW = "slow"  # joins at the last moment
    ABSENT = "absent"  # never joins
    LEAVES = "leaves"  # withdraws, whatever has been fixed by then
    BROKE = "broke"  # spends between joining and giving what he was to give


@enum.unique
class Trouble(enum.Enum):
    """What goes wrong with exchanges alone; the rest is `node.command.sim.plan.Fault`."""

    LETTERS_LOST = "letters-lost"
    LETTERS_DOUBLED = "letters-doubled"
    LETTERS_SLOW = "letters-slow"
    STREET_CUT = "street-cut"
    DIES_AT_CALL = "dies-at-call"
    DIES_AT_ANSWER = "dies-at-answer"
    TITLES_DIE = "titles-die"  # the registrar's process, at a write of its books
    TITLES_FAIL = "titles-fail"  # its disk
    KEEPER_DOWN = "keeper-down"
    HELPER_DOWN = "helper-down"  # whoever coordinates, for good until all heals
    FROZEN = "frozen"  # accounts at a registrar: nothing is vetted, nothing prepared


@dataclass(frozen=True, slots=True)
class Ill:
    """At `at_us` something goes wrong at `who` (and `other`), for `for_us` where it lasts."""

    at_us: int
    trouble: Trouble
    who: str
    other: str
    for_us: int
    strength: int


@dataclass(frozen=True, slots=True)
class Deal:
    """One exchange. `people` and `manners` in the order of the case's seats, `keepers` in that of
    its legs (empty for money). `guarded`: nobody but the registrar may transfer these rights."""

    at_us: int
    number: int
    case: str
    people: tuple[str, ...]
    manners: tuple[Manner, ...]
    keepers: tuple[str, ...]
    initiator: str
    coordinators: tuple[str, ...]
    registries: tuple[str, ...]
    within_s: int
    join_s: int
    guarded: bool = False
    cancels: bool = False

    @property
    def what(self) -> Case:
        return KNOWN[self.case]

    def seat(self, seat: str) -> str:
        """Who sits there."""
        return self.people[self.what.seats.index(seat)]


@dataclass(frozen=True, slots=True)
class Crooked:
    """Who is dishonest, how many occasions of a thousand he takes, and the tricks that he knows;
    empty: all."""

    who: str
    strength: int
    only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Course:
    """What a run is made of. `span_us`: after it all heals."""

    seed: int
    spec: Spec
    deals: tuple[Deal, ...]
    faults: tuple[Action, ...]
    ills: tuple[Ill, ...]
    crooks: tuple[Crooked, ...]
    span_us: int = SPAN_US


def village() -> Spec:
    """Everybody pays over registrars, which are linked in a row."""
    prices = tuple(Price(mode, 1, 1) for mode in ("ATOMIC", "SECURED", "GATEWAY", "BARE"))
    names = (*PARTIES, *KEEPERS, HELPER)
    nodes = tuple(NodeSpec(name, REGISTRIES, True, 60_000, prices, 0) for name in names)
    ends = [*zip(PARTIES, ("K1", "K2", "K3", "K1", "K2"), strict=True), ("K1", "K2"), ("K2", "K3")]
    return Spec(nodes, tuple(LineSpec(a, b, LIMIT, LIMIT) for a, b in ends))


def draw_course(seed: int, cases: Sequence[str], honest: bool = False) -> Course:
    """The course of one seed: each of these cases once. `honest`: nobody lies, nothing breaks."""
    random = Random(f"pledgeway sim escrow {seed}")
    spec = village()
    deals = tuple(_deal(random, number, case, honest) for number, case in enumerate(cases, 1))
    if honest:
        return Course(seed, spec, deals, (), (), ())
    kinds = [fault for fault in Fault if fault not in LIES]
    faults = draw_plan(random, spec, 0, random.sample(kinds, random.choice(WEATHER)), SPAN_US)
    ills = [_ill(random, random.choice(tuple(Trouble))) for _ in range(random.choice(WEATHER))]
    return Course(
        seed,
        spec,
        deals,
        tuple(in_order(faults)),
        tuple(sorted(ills, key=lambda ill: ill.at_us)),
        _crooks(random),
    )


def _crooks(random: Random) -> tuple[Crooked, ...]:
    count = random.choice((0, 0, 1, 1, 2))
    names = random.sample((*PARTIES, HELPER, HELPER), count)
    return tuple(Crooked(n, random.choice((150, 400, 800))) for n in dict.fromkeys(names))


def _deal(random: Random, number: int, name: str, honest: bool) -> Deal:
    case = BY_NAME[name]
    guarded = random.random() < 0.15
    one = random.choice(KEEPERS)
    keepers = tuple(
        "" if leg.kind == "money" else one if guarded or case.kept_by else random.choice(KEEPERS)
        for leg in case.legs
    )
    drawn = iter(random.sample(PARTIES, len(case.seats)))
    people = tuple(one if seat == case.kept_by else next(drawn) for seat in case.seats)
    initiator = random.choice((*people, random.choice(PARTIES), HELPER))
    return Deal(
        at_us=random.randrange(BEGIN_US),
        number=number,
        case=name,
        people=people,
        manners=tuple(_manner(random, honest) for _ in people),
        keepers=keepers,
        initiator=initiator,
        coordinators=(one,) if guarded else _coordinators(random, initiator),
        registries=_registries(random),
        within_s=random.randint(*WITHIN_S),
        join_s=random.randint(*JOIN_S),
        guarded=guarded,
        cancels=not honest and random.random() < 0.05,
    )


def _manner(random: Random, honest: bool) -> Manner:
    if honest or random.random() < 0.85:
        return random.choice((Manner.PLAIN, Manner.STANDING))
    return random.choice((Manner.SLOW, Manner.ABSENT, Manner.LEAVES, Manner.BROKE))


def _coordinators(random: Random, initiator: str) -> tuple[str, ...]:
    return random.choice(((), (), (HELPER,), (HELPER,), (HELPER, initiator)))


def _registries(random: Random) -> tuple[str, ...]:
    one, other = random.sample(REGISTRIES, 2)
    return random.choice(((one,), (one, other), (COLLECTIVE,), (COLLECTIVE, one)))


def _ill(random: Random, trouble: Trouble) -> Ill:
    who = random.choice((*PARTIES, *KEEPERS, HELPER))
    other, for_us, strength = "", random.choice((1, 4, 15)) * S, 0
    match trouble:
        case Trouble.LETTERS_LOST | Trouble.LETTERS_DOUBLED:
            strength = random.choice((50, 300, 700))
        case Trouble.LETTERS_SLOW:
            strength = random.choice((200_000, 2_000_000, 6_000_000))
        case Trouble.STREET_CUT:
            other = random.choice([n for n in (*PARTIES, *KEEPERS, HELPER) if n != who])
        case Trouble.DIES_AT_CALL | Trouble.DIES_AT_ANSWER:
            strength = random.randint(1, 12)
        case Trouble.TITLES_DIE:
            who, strength = random.choice(KEEPERS), random.randint(1, 12)
        case Trouble.TITLES_FAIL | Trouble.KEEPER_DOWN | Trouble.FROZEN:
            who = random.choice(KEEPERS)
        case Trouble.HELPER_DOWN:
            who = HELPER
    return Ill(random.randrange(SPAN_US), trouble, who, other, for_us, strength)


def shown(ill: Ill) -> str:
    """One line for people."""
    where = ill.who + (f"–{ill.other}" if ill.other else "")
    how = f" [{ill.strength}]" if ill.strength else ""
    return f"{ill.at_us / S:9.3f} s  {ill.trouble.value}  {where} for {ill.for_us / S:g} s{how}"


def people_in(deals: Iterable[Deal]) -> tuple[str, ...]:
    """Everybody who has a part in one of them."""
    names = [name for deal in deals for name in (*deal.people, deal.initiator, *deal.coordinators)]
    return tuple(dict.fromkeys(names))
