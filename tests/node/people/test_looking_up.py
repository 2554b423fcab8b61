"""What memory finds without looking through all that waits for people: against a plain search."""

from random import Random

from node.command.sim.cast import signing_key
from node.core.people.rows import (
    OWNER,
    Confirmation,
    ConfirmationPhase,
    Person,
    PersonPhase,
    person_id,
)
from node.core.view import Settings
from node.memory import Memory
from proto.fees import FeeSet
from proto.money import common_brand

EUR, NODE = common_brand("EUR"), signing_key("bank").node_id
NAMES = [person_id(name) for name in ("ann", "bob", "nobody", "ghost")]


def asked(number: int, person: bytes, phase: ConfirmationPhase) -> Confirmation:
    return Confirmation(
        number.to_bytes(16, "big"), bytes(32), b"asked", NODE, EUR, phase, 1, 2, person=person
    )


def plain_nobody(memory: Memory) -> int:
    """The same by a look at every row."""
    known = {p.id for p in memory.owned(Person)} | {OWNER}
    return sum(c.phase.waiting and c.person not in known for c in memory.owned(Confirmation))


def test_ended_ones_and_those_of_nobody_are_what_a_search_of_all_finds() -> None:
    memory, random = Memory(Settings(NODE, FeeSet({}))), Random(7)
    seen_nobody, seen_ended = set[int](), set[int]()
    for step in range(600):
        number = random.randrange(40)
        known = memory.row((Confirmation.table, number.to_bytes(16, "big"), b""))
        match random.randrange(8):
            case 0 if known is not None:
                memory.remove(known)
            case 1:
                person = random.choice(NAMES[:2])
                memory.put(Person(person, "x", "X", PersonPhase.ACTIVE, 1))
            case 2:
                rows = [(row, 1) for row in memory.rows.values()]
                memory.load([r for r in rows if not isinstance(r[0], Person)])
            case _:
                person = random.choice([OWNER, *NAMES])
                memory.put(asked(number, person, random.choice(list(ConfirmationPhase))))
        ended = {c.key for c in memory.owned(Confirmation) if c.phase.final}
        assert {c.key for c in memory.ended_confirmations()} == ended, step
        assert memory.waiting_for_nobody() == plain_nobody(memory), step
        seen_nobody.add(memory.waiting_for_nobody())
        seen_ended.add(len(ended))
    assert len(seen_nobody) > 3 and len(seen_ended) > 3, "it tried something"
