"""What a letter about a sale needs before the core can take it: what only this node can open."""

from node.core.sale.events import SaleLetterCame
from node.core.sale.reading import contract_of, sale_of
from node.core.sale.rows import Sale, SalePhase
from node.memory import Memory
from node.sale.entering import entering_asked
from node.sale.evidence_log import check
from node.sale.handover import check_resealed, check_said
from node.sale.vault import Vault
from proto.keys import NodeId
from proto.sale.handover import read_handed_over
from proto.sale.letters import Asked, Lock, decode_words
from proto.sale.stakes import SaleRole
from proto.wire import WireFault
from runtime.identity import Identity


def judged_words(
    memory: Memory,
    identity: Identity,
    sender: NodeId,
    data: bytes,
    now_us: int,
) -> SaleLetterCame:
    """The event of a letter about a sale. WireFault."""
    words = decode_words(data)
    match words.body:
        case Asked() as body:
            joins = entering_asked(memory, identity, body, now_us)
            return SaleLetterCame(now_us, sender, words, entering=joins)
        case Lock() as body:
            sale = sale_of(memory, words.sale)
            waits = sale is not None and sale.phase is SalePhase.AGREED and sender == sale.agent
            unfit = sale is not None and waits and not _is_sealed_to_us(identity, sale, body)
            return SaleLetterCame(now_us, sender, words, unfit=unfit)
        case _:
            return SaleLetterCame(now_us, sender, words)


def _is_sealed_to_us(identity: Identity, sale: Sale, body: Lock) -> bool:
    """Whether the agent vouches for just what came, his log is whole, and at the buyer it will open
    with the K of T1: before anything of ours is at stake."""
    agent = contract_of(sale).party(SaleRole.AGENT)
    try:
        said = read_handed_over(body.statement, sale.agent)
        if check(sale.id, body.log, said.log_head) is not None:
            return False
        if sale.role is SaleRole.BUYER:
            box = Vault(identity.key).box(sale.id, SaleRole.BUYER)
            check_said(said, sale.id, said.key_hash, body.sealed)
            check_resealed(body.sealed, sale.id, box, agent.box, said.key_hash)
    except WireFault:
        return False
    return True
