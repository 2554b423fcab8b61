"""How the arbiter hears of T1, in which he has no part (escrow section 8)."""

from node.core.effects import AskRegistries
from node.core.escrow.opening import open_seat
from node.core.rows import Ask, replace
from node.core.sale.course import P, move, tell
from node.core.sale.reading import card_of
from node.core.sale.rows import Sale
from node.core.view import Step
from proto.descriptor import Descriptor, commit_id
from proto.escrow.terms import Opening
from proto.sale.letters import Lock, SaleWords, decode_words, encode_words
from proto.sale.stakes import STAKERS, SaleRole


def tell_arbiter(step: Step, sale: Sale) -> None:
    """T1 is committed. The arbiter has no part in it, and hears of it from every party: none of
    them alone can keep him away from Ts."""
    if sale.role in STAKERS and card_of(sale, SaleRole.ARBITER):
        openings = tuple(map(Opening.decode, sale.openings))
        words = Lock(sale.lock, openings, sale.statement, b"", sale.log)
        tell(step, sale, SaleRole.ARBITER, words)


def keep_named(step: Step, sale: Sale, says: SaleRole, body: Lock, descriptor: Descriptor) -> None:
    """At the arbiter: what a party calls T1, once each. The one that the registry commits it is."""
    at = STAKERS.index(says)
    if sale.staked[at]:
        return
    named = Lock(body.descriptor, body.openings, body.statement, b"", body.log)
    words = encode_words(SaleWords(sale.id, named))
    step.put(replace(sale, staked=(*sale.staked[:at], words, *sale.staked[at + 1 :])))
    open_seat(step, body.descriptor, descriptor, sale.id)
    commit = commit_id(body.descriptor)
    if not step.the_transaction(commit).decided:
        step.effects.append(AskRegistries(commit, Ask.QUERY))


def with_named(step: Step, sale: Sale, commit: bytes) -> Sale:
    """At the arbiter: the row with the T1 that is committed, if it is one that he was named."""
    if sale.role is not SaleRole.ARBITER or sale.phase is not P.AGREED:
        return sale
    for words in filter(None, sale.staked):
        body = decode_words(words).body
        if isinstance(body, Lock) and commit_id(body.descriptor) == commit:
            openings = tuple(opening.encode() for opening in body.openings)
            found = replace(
                sale,
                lock=body.descriptor,
                openings=openings,
                statement=body.statement,
                log=body.log,
            )
            return move(step, found, P.LOCKING)
    return sale
