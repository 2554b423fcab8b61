"""A house that keeps lists of sales, honestly or not."""

from hashlib import sha256

from node.reputation.ratings import Subject
from proto.keys import SigningKey
from proto.limits import US
from proto.sale.stakes import Branch
from proto.sale.votes import Rating, Vote, rating_head, read_rating, sign_rating, sign_vote

HOUSE, AGENT, ANN, BEA, EVE = (SigningKey(name * 32) for name in (b"h", b"g", b"a", b"b", b"e"))
BRAND = b"b" * 16
SUBJECT = Subject(HOUSE.node_id, BRAND, AGENT.node_id)
NOW_US = 1_800_000_000 * US
DAY_US = 86_400 * US


def digest(*words: object) -> bytes:
    return sha256(repr(words).encode()).digest()


def vote(
    key: SigningKey, sale: object, value: int, success: bool, agent: SigningKey = AGENT
) -> bytes:
    return sign_vote(
        key,
        Vote(
            HOUSE.node_id,
            digest("pool", sale),
            BRAND,
            agent.node_id,
            key.node_id,
            value,
            digest("deciding", sale),
            success,
            digest("salt", sale, key.node_id),
        ),
    )


class House:
    """Its list about one agent; `add` appends a sale with the votes of these."""

    def __init__(self, agent: SigningKey = AGENT) -> None:
        self.agent = agent
        self.entries: list[bytes] = []

    def add(
        self,
        *said: tuple[SigningKey, bool],
        sale: object = None,
        value: int = 100,
        at_us: int | None = None,
    ) -> bytes:
        sale = len(self.entries) if sale is None else sale
        last = read_rating(self.entries[-1]) if self.entries else None
        rating = Rating(
            house=HOUSE.node_id,
            brand=BRAND,
            agent=self.agent.node_id,
            sequence=len(self.entries) + 1,
            previous=rating_head(last) if last is not None else b"",
            pool=digest("pool", sale),
            value=value,
            branch=Branch.RELEASED,
            deciding=digest("deciding", sale),
            votes=tuple(vote(key, sale, value, success, self.agent) for key, success in said),
            at_us=NOW_US - 30 * DAY_US + len(self.entries) if at_us is None else at_us,
        )
        self.entries.append(sign_rating(HOUSE, rating))
        return self.entries[-1]


def usual(sales: int = 3) -> House:
    """Ann and Bea, both content."""
    house = House()
    for _ in range(sales):
        house.add((ANN, True), (BEA, True))
    return house
