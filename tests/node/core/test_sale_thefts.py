"""Each dishonest party of a sale, and what it gets: nothing, and nobody's node falls over."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.core.sale.reading import own_party
from node.core.sale.rows import SalePhase
from proto.sale.letters import Closed, Joined, Reveal, SaleBody, Terms
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Decision
from tests.node.core.sale_stages import phase_of, signed_words, table_at
from tests.node.core.sale_table import SaleTable

P = SalePhase
Bend = Callable[[str, SaleBody], SaleBody | None]


def with_keys_of_bob(table: SaleTable, who: str, decision: Decision) -> Bend:
    """`who` names a key of the buyer's as his own: two of three signatures would be of one hand."""
    bob = table.people["bob"]

    def bend(sender: str, body: SaleBody) -> SaleBody:
        if sender != who or not isinstance(body, Joined | Reveal):
            return body
        stolen = own_party(bob.memory, table.sale("bob")).keys_for(decision)
        keys = tuple((d, stolen if d is decision else own) for d, own in body.party.keys)
        return replace(body, party=replace(body.party, keys=keys))

    return bend


@pytest.mark.parametrize("decision", [Decision.AGREE, Decision.LOCK, Decision.RELEASE])
@pytest.mark.parametrize("who", ["sally", "ned"])
def test_a_party_that_names_a_key_of_another(who: str, decision: Decision) -> None:
    """No contract can be made of that: the sale is closed, and the buyer's node stays up."""
    table = table_at("bid" if who == "sally" else "asked")
    bend = with_keys_of_bob(table, who, decision)
    table.carry(bend)
    if who == "sally":
        table.enter("ned")
    else:
        table.enter(who)
    table.carry(bend)
    assert phase_of(table, "bob") is P.CLOSED
    assert table.sale("bob").because is SaleReason.TERMS_MISMATCH
    table.pass_time(table.offer.expires_at_us + 1)
    assert {phase_of(table, name) for name in ("bob", "sally", "ned")} == {P.CLOSED}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("kind", ["closed", "nothing", "noise"])
def test_terms_with_letters_in_which_nobody_names_his_keys(at: int, kind: str) -> None:
    table = table_at("drafting")

    def bend(sender: str, body: SaleBody) -> SaleBody:
        if not isinstance(body, Terms):
            return body
        _, closed = signed_words(table, "ned", "bob", Closed(SaleReason.REFUSED))
        other = {"closed": closed, "nothing": b"", "noise": b"\xff" * 99}[kind]
        return replace(body, letters=(*body.letters[:at], other, *body.letters[at + 1 :]))

    table.carry(bend)
    for name in ("sally", "ned"):
        assert phase_of(table, name) is P.CLOSED
        assert table.sale(name).because is SaleReason.TERMS_MISMATCH
    assert not table.sale("sally").contract
