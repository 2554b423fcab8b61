"""A letter of a sale that overtakes what it speaks of is not taken; terms that come behind their
decision find out about it at once."""

from dataclasses import replace

import pytest

from node.command.sim.cast import NOW_US
from node.core.escrow.rows import Letter
from node.core.sale.dispatch import is_early
from node.core.sale.rows import SalePhase
from proto.escrow.letters import OfSale, decode_letter
from proto.sale.letters import Credential, Lock, SaleBody, SaleWords, Staked
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_table import Bend, Person, SaleTable

P = SalePhase
STAKED, CREDENTIAL, LOCK = Staked(b"promise"), Credential(b"sealed"), Lock(b"", (), b"")

EARLY: list[tuple[str, str, SaleBody, set[SalePhase]]] = [
    # A buyer who was away while the others heard of T0 hears of their stakes before of T0.
    ("bob", "sally", STAKED, {P.AGREEING, P.AGREED}),
    ("sally", "ned", STAKED, {P.AGREEING, P.AGREED}),
    ("bob", "ned", LOCK, {P.JOINED, P.AGREEING}),
    ("sally", "ned", LOCK, {P.ASKED, P.JOINED, P.AGREEING}),
    ("ned", "sally", CREDENTIAL, {P.JOINED, P.AGREEING}),
]


@pytest.mark.parametrize(("name", "sender", "body", "early"), EARLY)
def test_what_waits_for_the_phase_in_which_it_counts(
    name: str, sender: str, body: SaleBody, early: set[SalePhase]
) -> None:
    table = SaleTable(agents=("ned",))
    table.agree()
    memory, sale = table.people[name].memory, table.sale(name)
    found = set()
    for phase in P:
        memory.put(replace(sale, phase=phase))
        if is_early(memory, node_of(sender), SaleWords(table.id, body)):
            found.add(phase)
    assert found == early


class Away(SaleTable):
    """A table at which one does not hear his letters about the sale while he is `away`."""

    away = ""

    def _deliver(self, person: Person, row: Letter, bend: Bend | None) -> bool:
        if self.away and row.receiver == node_of(self.away):
            words = decode_letter(row.payload)
            if isinstance(words.body, OfSale):
                return False
        return super()._deliver(person, row, bend)


def test_an_arbiter_who_hears_of_t0_before_its_terms_need_not_wait_for_its_end() -> None:
    """As one who was away: the certificate said nothing to him, and nobody says it again."""
    table = Away(agents=("ned",), arbiter="ada")
    table.open()
    table.carry()
    table.bid("sally")
    table.carry()
    table.enter("ned")
    table.enter("ada")
    table.away = "ada"
    table.carry()
    assert {n: table.sale(n).phase for n in ("bob", "ned", "ada")} == {
        "bob": P.AGREED, "ned": P.AGREED, "ada": P.JOINED,
    }  # fmt: skip
    assert "Decided" not in waiting_for_ada(table)
    table.away = ""
    table.carry()
    assert table.sale("ada").phase is P.AGREED
    assert table.people["ada"].now_us == NOW_US


def waiting_for_ada(table: SaleTable) -> set[str]:
    """Kinds of letters that she has not heard."""
    rows = [row for person in table.people.values() for row in person.waiting()]
    hers = [row for row in rows if row.receiver == node_of("ada")]
    return {type(decode_letter(row.payload).body).__name__ for row in hers}
