"""The town of the exchanges: six nodes, three of which keep titles, two registries, a bank.

Who is who is invented, after the twelve cases of a virtual world. Money goes over the bank; the
land office lets one registry alone decide about land, the simulator the other about objects.
"""

from typing import Final

from node.command.processes.market import Bargain, Title
from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from proto.money import Rate

BRAND: Final = "L$"
HARBOUR: Final = "Harbour"
SUMMIT: Final = "Summit"
ALICE: Final = "Alice"
BOB: Final = "Bob"
WEAVERS: Final = "Weavers"  # a group, by its officer's node
BANK: Final = "Bank"
LAND: Final = "Land office"
SIMULATOR: Final = "Simulator"
REGISTRARS: Final = (LAND, BANK, SIMULATOR)
BOTH: Final = frozenset({HARBOUR, SUMMIT})
ACCEPTS: Final = {
    **dict.fromkeys((ALICE, BOB, WEAVERS, BANK), BOTH),
    LAND: frozenset({HARBOUR}),
    SIMULATOR: frozenset({SUMMIT}),
}
FEES: Final = FeeSet({Mode.ATOMIC: Fee(Rate.parse("1.002"))})  # what the bank asks for a payment
LIMIT: Final = 1_000_000
TIER: Final = 1024
REGION: Final = "Ahern"
LAMP: Final = 1234
SHIP: Final = 1235
SILENT_S: Final = 8  # until D, where somebody is silent: the audience waits for it

DEED: Final = Bargain(
    "deed parcel and tier",
    {"owner": ALICE, "group": WEAVERS},
    {"region": REGION, "parcel_id": 1, "tier": TIER // 2},
)
LAMP_SOLD: Final = Bargain(
    "buy object",
    {"buyer": ALICE, "seller": BOB},
    {"brand": BRAND, "amount": 700, "region": REGION, "task_id": LAMP},
)
SHIP_SOLD: Final = Bargain(
    "buy object",
    {"buyer": ALICE, "seller": BOB},
    {"brand": BRAND, "amount": 2500, "region": REGION, "task_id": SHIP},
)
FOR_GROUP: Final = Bargain(
    "buy parcel for group",
    {"buyer": ALICE, "seller": BOB, "group": WEAVERS},
    {"brand": BRAND, "amount": 9000, "region": REGION, "parcel_id": 2},
    SILENT_S,
)


def network() -> Network:
    """A star around the bank."""
    nodes = tuple(Node(name, accepts, True, fees=FEES) for name, accepts in ACCEPTS.items())
    pairs = [(BANK, name) for name in ACCEPTS if name != BANK]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network((HARBOUR, SUMMIT), (), nodes, lines)


def _land(number: int, owner: str) -> Title:
    named = (("region", REGION), ("parcel_id", str(number)))
    return Title(f"parcel {number}", LAND, "parcel", named, {owner: 1}, (ALICE, BOB, WEAVERS))


def _object(name: str, task: int) -> Title:
    named = (("region", REGION), ("task_id", str(task)))
    return Title(name, SIMULATOR, "object", named, {BOB: 1}, (ALICE,))


def titles() -> tuple[Title, ...]:
    """What there is to own."""
    tier = (("unit", "square metre"),)
    return (
        _land(1, ALICE),
        _land(2, BOB),
        Title("tier", BANK, "tier", tier, {ALICE: TIER}, (WEAVERS,), TIER),
        _object("lamp", LAMP),
        _object("ship", SHIP),
    )
