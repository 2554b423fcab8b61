"""The table of a sale's phases, and what every part of it uses: letters, ends, asking again."""

from typing import Final

from node.core.effects import AskRegistries
from node.core.escrow.posting import post
from node.core.rows import Ask, replace
from node.core.sale.reading import card_of, descriptors_of, known_of, others
from node.core.sale.rows import Sale, SalePhase
from node.core.view import Step
from proto.descriptor import commit_id
from proto.escrow.letters import OfSale
from proto.limits import US
from proto.sale.letters import Closed, SaleBody, SaleWords, encode_words
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Decision, SaleRole

P = SalePhase

TRANSITIONS: Final = {
    P.OFFERED: frozenset({P.CHOSEN, P.CLOSED}),
    P.CHOSEN: frozenset({P.ASKED, P.CLOSED}),
    P.ASKED: frozenset({P.JOINED, P.AGREEING, P.CLOSED}),
    P.JOINED: frozenset({P.AGREEING, P.CLOSED}),
    P.AGREEING: frozenset({P.AGREED, P.CLOSED}),
    P.AGREED: frozenset({P.LOCKING, P.RETURNED}),
    P.LOCKING: frozenset({P.LOCKED, P.RETURNED}),
    P.LOCKED: frozenset({P.SPLIT}),
    P.SPLIT: frozenset({P.ENDED}),
    P.ENDED: frozenset[P](),
    P.CLOSED: frozenset[P](),
    P.RETURNED: frozenset[P](),
}
"""Phase -> phases that it may go to. From AGREEING on certificates move it, and deadlines where
nothing is locked."""

# Whoever brings a decision to the registry tells the others; if he falls silent they ask it
# themselves. Quicker while K is about to be public: the buyer's time with the thing begins there.
LOCK_POLL_US: Final = 5 * US
POLL_US: Final = 60 * US


def move(step: Step, sale: Sale, phase: SalePhase, why: SaleReason = SaleReason.NONE) -> Sale:
    """Moves a sale along the table. Returns the new row."""
    assert phase in TRANSITIONS[sale.phase], (sale.phase, phase)
    ended_at_us = step.now_us if phase.final else 0
    moved = replace(sale, phase=phase, because=why or sale.because, ended_at_us=ended_at_us)
    step.put(moved)
    return moved


def tell(step: Step, sale: Sale, role: SaleRole, body: SaleBody) -> None:
    """A letter to one party."""
    words = OfSale(encode_words(SaleWords(sale.id, body)))
    post(step, sale.id, card_of(sale, role), words)


def tell_others(step: Step, sale: Sale, body: SaleBody) -> None:
    """A letter to every other party that is known."""
    for role in others(sale):
        tell(step, sale, role, body)


def close(step: Step, sale: Sale, why: SaleReason, blamed: SaleRole = SaleRole.HOUSE) -> None:
    """It ends while nobody is bound; the others are told."""
    move(step, replace(sale, blamed=blamed), P.CLOSED, why)
    for role in others(sale):
        if role is not blamed:
            tell(step, sale, role, Closed(why))


def ask_about(step: Step, sale: Sale, decisions: tuple[Decision, ...]) -> None:
    """Asks the registry about those of them that are open and not certified so far."""
    known = known_of(step, sale)
    for decision, data in descriptors_of(sale).items():
        commit = commit_id(data)
        if decision in decisions and decision not in known and step.transaction(commit):
            step.effects.append(AskRegistries(commit, Ask.QUERY))
