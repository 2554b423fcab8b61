"""The town of the shop: the payer's node with its page, one between, the payee's, one registry."""

from typing import Final

from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from proto.money import Rate

REGISTRY: Final = "Harbour"
BANK: Final = "Bank"  # keeps an account for Anna
CARRIER: Final = "Carrier"
SHOP: Final = "Lamp and Ledger"  # the payee's node; the shop asks in its name
ANNA: Final = "anna"  # her name at the bank

BRAND: Final = "USD"
LINE_LIMIT: Final = 1_000_000
OWES_AT_MOST: Final = 20_000  # what Anna may owe the bank
FEES: Final = FeeSet({Mode.ATOMIC: Fee(Rate.parse("1.01"))})  # what the carrier takes
HELD_S: Final = 8  # the first edition is held for so long: the audience waits for its end

LEDGER: Final = "The Ledger"
PROMISES: Final = "A Short History of Promises"
FIRST: Final = "Pacioli, first edition"
OIL: Final = "Oil for the lamp"


def network() -> Network:
    """A line of three."""
    accepts = frozenset({REGISTRY})
    nodes = tuple(
        Node(name, accepts, True, fees=FEES if name == CARRIER else FeeSet({}))
        for name in (BANK, CARRIER, SHOP)
    )
    pairs = ((BANK, CARRIER), (CARRIER, SHOP))
    lines = tuple(Line(x, y, BRAND, LINE_LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network((REGISTRY,), (), nodes, lines)
