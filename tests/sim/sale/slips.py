"""Planted bugs of sales: each as small as a real one, and every node or house has it."""

from collections.abc import Iterator
from contextlib import contextmanager

from node.core import asking
from node.core.sale import agreeing, due, locking, settling
from node.core.sale.reading import share_at
from node.core.sale.rows import Sale, SalePhase
from node.core.view import Step
from node.registrar import pool_votes
from node.sale import judging
from proto.envelope import Proof
from proto.sale import stakes
from proto.sale.letters import shares_from_bytes
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Branch, Decision, Known, Outcome, Pool, SaleRole
from proto.sale.votes import Vote
from tests.sim.escrow import slips as escrow_slips
from tests.sim.patching import changed, everywhere


@contextmanager
def unpromised() -> Iterator[None]:
    """A part signs T1 before it holds the promises of all three stakes."""
    sign = locking.sign_lock

    def eager(step: Step, sale: Sale) -> None:
        held = tuple(promise or b"on its way" for promise in sale.staked)
        sign(step, locking.replace(sale, staked=held))

    with everywhere(sign, eager):
        yield


@contextmanager
def any_contract() -> Iterator[None]:
    """A part takes the buyer's word for what is in the contract."""
    with changed(agreeing, "_contract_fault", lambda *_: SaleReason.NONE):
        yield


@contextmanager
def key_first() -> Iterator[None]:
    """The agent shows K as soon as he has signed himself."""

    def some(sale: Sale, decision: Decision) -> tuple[Proof, ...]:
        roles = (SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT)
        found = (sale.shares[share_at(decision, role)] for role in roles)
        return tuple(share for kept in found for share in shares_from_bytes(kept))

    with changed(locking, "gathered", some):
        yield


@contextmanager
def key_late() -> Iterator[None]:
    """The agent shows K whenever the last share comes."""
    with (
        changed(locking, "LEAD_US", -(10**12)),
        everywhere(asking.shows_key_too_late, lambda *_: False),
    ):
        yield


@contextmanager
def any_seal() -> Iterator[None]:
    """A buyer does not look whether what is sealed to him opens with the K of T1."""
    with changed(judging, "_is_sealed_to_us", lambda *_: True):
        yield


@contextmanager
def released_at_once() -> Iterator[None]:
    """An agent signs the release as soon as the stakes are locked, and looks at nothing."""
    locked = settling._locked

    def hasty(step: Step, sale: Sale, committed: bool) -> None:
        locked(step, sale, committed)
        now = settling.sale_of(step, sale.id)
        if now is not None and now.phase is SalePhase.LOCKED and now.role is SaleRole.AGENT:
            settling.sign_own(step, now, Decision.RELEASE)

    with changed(settling, "_locked", hasty):
        yield


@contextmanager
def unreleased() -> Iterator[None]:
    """A seller waits for others to release what is hers."""
    sign = settling.sign_own

    def waits(step: Step, sale: Sale, decision: Decision) -> Sale:
        return sale if sale.role is SaleRole.SELLER else sign(step, sale, decision)

    with changed(settling, "sign_own", waits):
        yield


@contextmanager
def unattested() -> Iterator[None]:
    """By default the seller is paid, whether or not the agent ever said "delivered"."""

    def blind(known: Known) -> Branch | None:
        branch = true(known)
        challenged = known.get(Decision.CHALLENGE) is Outcome.COMMITTED
        plain = branch is Branch.REFUND_PLAIN and Decision.CHALLENGE in known
        return Branch.RELEASED if plain and not challenged else branch

    true = stakes.branch_of
    with everywhere(true, blind):
        yield


@contextmanager
def tip_for_nothing() -> Iterator[None]:
    """An agent who never said "delivered" keeps his part of the tip."""
    split = Pool.split

    def generous(self: Pool, branch: Branch) -> dict[SaleRole, int]:
        return split(self, Branch.REFUNDED if branch is Branch.REFUND_PLAIN else branch)

    with changed(Pool, "split", generous):
        yield


@contextmanager
def holds_stay() -> Iterator[None]:
    """What a stake came from, or came back to, is not fetched when T1 is decided."""
    with everywhere(locking.is_staked, lambda *_: False):
        yield


@contextmanager
def arbiter_alone() -> Iterator[None]:
    """Nobody tells the arbiter that there is a bond to take."""
    with changed(locking, "_tell_arbiter", lambda *_: None):
        yield


@contextmanager
def any_vote() -> Iterator[None]:
    """The house counts whatever vote is opened."""

    def as_sealed(vote: Vote) -> bytes:
        return _Any(vote.salt)

    with changed(pool_votes, "vote_hash", as_sealed):
        yield


class _Any(bytes):
    """Bytes that are whatever they are compared with."""

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False

    __hash__ = bytes.__hash__


# A house pays for a certificate that it has not verified: it judges as a registrar does.
any_certificate = escrow_slips.any_certificate


@contextmanager
def for_ever() -> Iterator[None]:
    """Who waits for a hand-over that never comes waits for ever."""
    when = due.sale_due_us

    def never(sale: Sale) -> int | None:
        return None if sale.phase is SalePhase.AGREED else when(sale)

    with everywhere(when, never):
        yield
