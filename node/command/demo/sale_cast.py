"""The town of the sales: two buyers, a seller, three agents, an escrow house, and one registry.

Bob, Sally and Ned are those of escrow section 8. Each scene has a deposit right of its own at the
house, so that what everybody ends with can be told apart though the scenes are played together.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from pathfinder.network import Line, Network, Node
from proto.fees import FeeSet
from proto.sale.stakes import Branch, Stakes

REGISTRY: Final = "Harbour"
HOUSE: Final = "Strongroom"
BOB: Final = "Bob"
BEA: Final = "Bea"  # buys, and is never heard of again
SALLY: Final = "Sally"
NED: Final = "Ned"
NORA: Final = "Nora"  # judges, and is the arbiter where there is one
NILS: Final = "Nils"  # asks for more, and falls silent
AGENTS: Final = (NED, NORA, NILS)
PEOPLE: Final = (BOB, BEA, SALLY, *AGENTS)

CREDIT: Final = "USD"  # along these lines people believe each other's votes
LIMIT: Final = 1_000_000

TIPS: Final = {NED: 20, NORA: 20, NILS: 25}
BOND_MAX: Final = 5000
STAKES: Final = Stakes(price=1000, buyer_deposit=100, seller_deposit=430, bond=1200, vote_bond=10)
FEE: Final = 5  # what the house keeps of a price that is released
BALANCE: Final = 3000  # of everybody's, at first: enough for one sale

WELL: Final = "well"
SILENT: Final = "silent"
UNATTESTED: Final = "unattested"
CHALLENGED: Final = "challenged"
SLASHED: Final = "slashed"
REFUSED: Final = "refused"
KILLED: Final = "killed"
SCENES: Final = (WELL, SILENT, UNATTESTED, SLASHED, CHALLENGED, REFUSED, KILLED)


@dataclass(frozen=True, slots=True)
class Spans:
    """Seconds, each counted from the end of the one before, as in an offer."""

    agree: int
    lock: int
    release: int
    window: int
    refund: int
    vote: int
    slash: int = 1  # counts where there is an arbiter

    def times(self, pace: int) -> "Spans":
        """So many times as long, for a machine that is busy."""
        return Spans(**{name: pace * seconds for name, seconds in asdict(self).items()})


PATIENT: Final = Spans(agree=15, lock=30, release=30, window=10, refund=10, vote=30)
"""Where nothing waits for an end."""


@dataclass(frozen=True, slots=True)
class Case:
    """One sale. `agents`: whom buyer and seller accept; `highest`: tips that they would pay;
    `branch`: how it has to end, None where nothing is locked; `votes`: of buyer and seller, None
    for none; `arbiter`: who may have the agent's bond forfeited, and does."""

    scene: str
    title: str
    thing: str
    buyer: str
    agents: tuple[tuple[str, ...], tuple[str, ...]]
    highest: tuple[int, int]
    branch: Branch | None
    spans: Spans
    votes: tuple[bool | None, bool | None]
    seller: str = SALLY
    arbiter: str = ""

    @property
    def deposit(self) -> str:
        """Name of the right that is at stake in it."""
        return f"deposit {self.scene}"


CASES: Final[Mapping[str, Case]] = {
    case.scene: case
    for case in (
        Case(WELL, "A domain is sold: the agent looks at the proof of control, both vote for him",
             "lamp.example", BOB, ((NED, NORA, NILS), (NILS, NORA, NED)), (30, 20),
             Branch.RELEASED, PATIENT, (True, True)),
        Case(SILENT, "The buyer falls silent once the stakes are locked: the seller is paid",
             "kite.example", BEA, ((NORA,), (NORA,)), (20, 20),
             Branch.RELEASED, Spans(6, 10, 8, 1, 1, 4), (None, True)),
        Case(UNATTESTED, "The agent falls silent and never attests: the buyer is paid back",
             "reed.example", BOB, ((NILS,), (NILS,)), (30, 30),
             Branch.REFUND_PLAIN, Spans(6, 10, 6, 1, 1, 15), (False, False)),
        Case(SLASHED, "The agent falls silent, and buyer and arbiter have his bond forfeited",
             "sand.example", BOB, ((NILS,), (NILS,)), (30, 30),
             Branch.REFUND_PLAIN, Spans(6, 10, 6, 1, 1, 15), (False, False), arbiter=NORA),
        Case(CHALLENGED, "Attested on the agent's word, challenged by the buyer: he is paid back",
             "fern.example", BOB, ((NED,), (NED,)), (20, 20),
             Branch.REFUNDED, Spans(6, 10, 6, 2, 18, 15), (False, True)),
        Case(REFUSED, "The agent cannot log in, and refuses: nothing is locked, all comes back",
             "wren.example", BOB, ((NED,), (NED,)), (20, 20), None, Spans(6, 10, 6, 1, 1, 1),
             (None, None)),
        Case(KILLED, "Seller, agent, house, registry and buyer are killed in turn: it goes on",
             "moss.example", BOB, ((NED,), (NED,)), (20, 20),
             Branch.RELEASED, replace(PATIENT, release=60), (True, True)),
    )
}  # fmt: skip


def network() -> Network:
    """A star around the house: everybody believes everybody a little."""
    accepts = frozenset({REGISTRY})
    nodes = tuple(Node(name, accepts, True, fees=FeeSet({})) for name in (HOUSE, *PEOPLE))
    pairs = [(HOUSE, name) for name in PEOPLE]
    lines = tuple(Line(x, y, CREDIT, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network((REGISTRY,), (), nodes, lines)
