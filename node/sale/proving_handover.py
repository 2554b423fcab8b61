"""T1, the stakes and the hand-over: whether statement, log and ciphertexts belong to this lock."""

from node.sale.contradiction import Paper, blaming, require
from node.sale.evidence_log import LogKind, check, head, places
from node.sale.handover import sealed_hash
from proto.descriptor import commit_id, decode_descriptor
from proto.escrow.legs import read_leg_promise
from proto.sale.contract import (
    Contract,
    check_lock,
    lock_order,
    pool_hold,
    pool_id,
    stake_legs,
)
from proto.sale.handover import HandedOver, read_control, read_handed_over
from proto.sale.papers import SalePapers
from proto.sale.stakes import STAKERS, Decision, SaleRole


def check_lock_papers(papers: SalePapers, contract: Contract | None) -> None:
    """T1 moves just the stakes into just this pool, and follows on this T0."""
    if not papers.lock:
        alone = not (any(papers.stakes) or papers.openings or papers.statement)
        require(alone, Paper.LOCK, "it is missing, and what follows from it is there")
        return
    require(contract is not None, Paper.LOCK, "there is no contract that it could follow from")
    require(bool(papers.agreement), Paper.LOCK, "there is no T0 that it could follow on")
    assert contract is not None
    with blaming(Paper.LOCK):
        descriptor = check_lock(contract, papers.lock)
        opened = all(opening.opens(descriptor.terms_root) for opening in papers.openings)
        terms = tuple(opening.term for opening in papers.openings)
    require(opened, Paper.LOCK, "its terms are not those that it binds")
    pool = pool_id(papers.contract)
    wanted = (*stake_legs(contract, pool), lock_order(pool, papers.agreement))
    require(terms == wanted, Paper.LOCK, "it moves something else, or follows on another T0")


def proven_stakes(papers: SalePapers, contract: Contract | None) -> tuple[SaleRole, ...]:
    """Whose stake the house has promised to move into the pool with T1."""
    found: list[SaleRole] = []
    if contract is None or not papers.lock:
        return ()
    pool = pool_id(papers.contract)
    for role, leg, signed in zip(STAKERS, stake_legs(contract, pool), papers.stakes, strict=True):
        if not signed:
            continue
        with blaming(Paper.STAKES):
            said = read_leg_promise(signed)
        due = (commit_id(papers.lock), leg, leg.amount, pool_hold(pool, leg.no), contract.house)
        whose = f"the {role.name.lower()}'s"
        fits = (said.commit, said.leg, said.net, said.to, said.registrar) == due
        require(fits, Paper.STAKES, f"{whose} is about something else than T1")
        found.append(role)
    return tuple(found)


def proven_statement(
    papers: SalePapers, sale: bytes, contract: Contract | None
) -> HandedOver | None:
    """What the agent has signed of the hand-over: of this sale, under the key of this T1."""
    if not papers.statement:
        return None
    assert contract is not None  # without one there is no T1
    with blaming(Paper.STATEMENT):
        said = read_handed_over(papers.statement, contract.party(SaleRole.AGENT).node)
    require(said.sale == sale, Paper.STATEMENT, "it is about another sale")
    (locked,) = decode_descriptor(papers.lock).hashlocks
    require(said.key_hash == locked, Paper.STATEMENT, "it is about another key than T1's")
    return said


def check_log(papers: SalePapers, sale: bytes, said: HandedOver | None) -> None:
    """The log is whole, and what it says was sealed to the buyer is what the statement is about.
    Without a statement nobody has signed its head."""
    if not papers.log and said is None:
        return
    fault = check(sale, papers.log, said.log_head if said else head(sale, papers.log))
    if fault is not None:
        where = f"entry {fault.index + 1} " if fault.index < len(papers.log) else ""
        require(False, Paper.LOG, f"{where}{fault.what.value}")


def check_sealed(papers: SalePapers, said: HandedOver | None) -> None:
    """What the file shows as sealed to the buyer is what the statement and its log are about."""
    if not papers.sealed:
        return
    same = said is not None and sealed_hash(papers.sealed) == said.sealed_hash
    require(same, Paper.SEALED, "it is not what the agent's statement is about")
    logged = _is_logged(papers, papers.sealed, LogKind.RESEALED)
    require(logged, Paper.SEALED, "it is not the one of that time: the log has another")


def credential_logged(papers: SalePapers, said: HandedOver | None) -> bool | None:
    """Whether the agent's log has received what the file shows as sealed to him; None where there
    is nothing to compare.

    Nobody has signed that ciphertext, so it contradicts no paper: the seller may have given it
    later, while the other was passed on; or the agent has logged what she never gave.
    """
    if not papers.credential or said is None:
        return None
    return _is_logged(papers, papers.credential, LogKind.RECEIVED)


def _is_logged(papers: SalePapers, sealed: bytes, kind: LogKind) -> bool:
    return kind in [entry.kind for _, entry in places(papers.log, sealed)]


def proven_control(papers: SalePapers, contract: Contract | None, said: HandedOver | None) -> bool:
    """Whether the buyer's key of T1 has signed T1 and the agent's challenge."""
    if not papers.control:
        return False
    placed = contract is not None and said is not None
    require(placed, Paper.CONTROL, "there is no T1 that it could be about")
    assert contract is not None
    assert said is not None
    with blaming(Paper.CONTROL):
        proof = read_control(papers.control)
    keys = contract.party(SaleRole.BUYER).keys_for(Decision.LOCK)
    require((proof.key,) == keys, Paper.CONTROL, "it is not signed by the buyer's key of T1")
    require(proof.lock == commit_id(papers.lock), Paper.CONTROL, "it is about another T1")
    require(proof.challenge == said.challenge, Paper.CONTROL, "it answers another challenge")
    return True
