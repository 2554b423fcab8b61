"""A proposal that no seat would read is not made."""

from dataclasses import replace

import pytest

from node.command.sim.cast import NOW_US, SINGLE, digest, signing_key
from node.core.escrow.rows import KnownRight
from node.escrow import proposing
from node.escrow.proposing import TooLarge, Wish, proposed
from proto.card import NodeCard
from proto.escrow.proposal import Proposal
from proto.escrow.rights import sign_right
from proto.limits import MAX_DESCRIPTION_CHARS, MAX_PROPOSAL_BYTES
from runtime.identity import Identity
from tests.node.core.escrow_table import WITHIN_US, card_of, swap


class Ours(Identity):
    """Of whom a proposal needs the key alone."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "key", signing_key(name))


def test_what_is_longer_than_a_proposal_may_be_is_refused_by_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = swap()
    memory = table.parties["ann"].memory
    for right, name in zip(table.rights, ("reg1", "reg2"), strict=True):
        signed = sign_right(signing_key(name), right)
        memory.put(KnownRight(right.brand.guid, signed, card_of(name), NOW_US))
    cards = {card.node: text for (_, text), card in _cards(table.proposal)}
    wish = Wish(
        template=table.proposal.template,
        instance=table.proposal.instance,
        cards=cards,
        within_us=WITHIN_US,
        joined_by_us=WITHIN_US,
        policies=(SINGLE,),
        coordinators=(),
    )
    make = (memory, Ours("ann"), card_of("ann"))
    signed, _, _ = proposed(*make, wish, NOW_US, lambda size: digest("random")[:size])
    monkeypatch.setattr(proposing, "MAX_PROPOSAL_BYTES", len(signed) + 2)
    longer = replace(wish, note="n" * MAX_DESCRIPTION_CHARS)
    with pytest.raises(TooLarge) as caught:
        proposed(*make, longer, NOW_US, lambda size: digest("random")[:size])
    assert 0 < caught.value.bytes_over <= MAX_DESCRIPTION_CHARS + 4
    assert len(signed) < MAX_PROPOSAL_BYTES


def _cards(proposal: Proposal) -> list[tuple[tuple[str, str], NodeCard]]:
    return list(zip(proposal.seats, proposal.cards().values(), strict=True))
