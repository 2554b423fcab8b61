"""What the row of a sale says, read back: documents, keys, who is who, what is decided."""

from hashlib import blake2b, sha256
from typing import Final

from node.core.escrow.rows import Account
from node.core.rows import Transaction
from node.core.sale.rows import Sale
from node.core.view import Step, View
from proto.commit import sign_share
from proto.descriptor import commit_id
from proto.envelope import Envelope, Proof
from proto.escrow.letters import OfSale, decode_letter, read_letter
from proto.keys import NodeId, SigningKey
from proto.sale.contract import (
    DECIDED,
    Contract,
    Party,
    keys_of,
    may_decline,
    pool_id,
    read_contract,
)
from proto.sale.letters import Joined, Reveal, SaleWords, decode_words
from proto.sale.offer import SaleOffer, read_agent_offer, read_offer, read_rule
from proto.sale.stakes import Decision, Known, Outcome, SaleRole
from proto.wire import WireFault

SIDES: Final = (SaleRole.BUYER, SaleRole.SELLER)
JUDGES: Final = (SaleRole.AGENT, SaleRole.ARBITER)


def sale_of(view: View | Step, sale: bytes) -> Sale | None:
    """The sale of this id, if we have a part in it."""
    row = view.row((Sale.table, sale, b""))
    return row if isinstance(row, Sale) else None


def offer_of(sale: Sale) -> SaleOffer:
    """It was verified when it came."""
    return read_offer(sale.offer)


def contract_of(sale: Sale) -> Contract:
    """It was verified when it came; not before AGREEING."""
    return read_contract(sale.contract)


def pool_of(sale: Sale) -> bytes:
    """The id of its pool."""
    return pool_id(sale.contract)


def agent_card(sale: Sale) -> str:
    """Of the chosen agent, out of the offer that both sides named."""
    for signed in read_rule(sale.rules[-1]).agents:
        offer = read_agent_offer(signed)
        if offer.agent == sale.agent:
            return offer.card
    raise AssertionError("an agent whom the last rule does not name")


def card_of(sale: Sale, role: SaleRole) -> str:
    """How to reach a party; empty for whom there is none so far."""
    offer = offer_of(sale)
    match role:
        case SaleRole.BUYER:
            return offer.buyer_card
        case SaleRole.SELLER:
            return offer.seller_card
        case SaleRole.AGENT:
            return agent_card(sale) if sale.agent else ""
        case SaleRole.ARBITER:
            return offer.arbiter_card
        case SaleRole.HOUSE:
            return offer.house_card


def role_of(sale: Sale, node: NodeId) -> SaleRole | None:
    """The part of another node in it, as far as it is known."""
    offer = offer_of(sale)
    known = {
        offer.buyer: SaleRole.BUYER,
        offer.seller: SaleRole.SELLER,
        NodeId(sale.agent): SaleRole.AGENT,
    }
    if offer.arbiter is not None:
        known[offer.arbiter] = SaleRole.ARBITER
    return known.get(node)


def others(sale: Sale) -> list[SaleRole]:
    """All parties but ourselves that are known by now."""
    roles = (*SIDES, *JUDGES)
    return [role for role in roles if role is not sale.role and card_of(sale, role)]


# ---------------------------------------------------------------- what the seed makes


def _made(seed: bytes, person: bytes, *numbers: int) -> bytes:
    return blake2b(seed, digest_size=32, person=person, salt=bytes(numbers)).digest()


def key_of(seed: bytes, decision: Decision, number: int = 0) -> SigningKey:
    """A one-time committer key. Derived, so that only the seed has to be kept."""
    return SigningKey(_made(seed, b"sale-key", decision, number))


def salt_of(seed: bytes, number: int) -> bytes:
    """The salt behind the `number`-th rule of the sale (from 0 on)."""
    return _made(seed, b"sale-salt", number)


def decline_of(seed: bytes) -> bytes:
    """The preimage by which this party may end its decision early."""
    return _made(seed, b"sale-decline")


def lock_decline_of(seed: bytes) -> bytes:
    """The preimage by which the agent may end T1 early."""
    return _made(seed, b"sale-unlock")


def source_of(seed: bytes) -> bytes:
    """The capability of the hold out of which the stake is given."""
    return _made(seed, b"sale-source")


def own_party(view: View | Step, sale: Sale) -> Party:
    """What this node signs with. Its account was checked when it came in."""
    role = sale.role
    arbitrated = bool(offer_of(sale).arbiter_card)
    keys = []
    for decision in Decision:
        count = keys_of(decision, role)
        if count and (arbitrated or decision is not Decision.SLASH):
            made = tuple(key_of(sale.seed, decision, n).public for n in range(count))
            keys.append((decision, made))
    account = b"" if role is SaleRole.ARBITER else own_account(view, sale).account
    declines = decline_hash(sale.seed) if may_decline(role) is not None else b""
    return Party(role, card_of(sale, role), account, tuple(keys), sale.box, declines)


def decline_hash(seed: bytes) -> bytes:
    """What the contract names of `decline_of`."""
    return sha256(decline_of(seed)).digest()


def own_account(view: View | Step, sale: Sale) -> Account:
    """Ours of the deposit brand."""
    row = view.row((Account.table, sale.slot[:32], sale.slot[32:]))
    assert isinstance(row, Account), sale.slot.hex()
    return row


def own_shares(sale: Sale, decision: Decision, commit: bytes) -> tuple[Proof, ...]:
    """This party's signatures towards a decision."""
    count = keys_of(decision, sale.role)
    return tuple(sign_share(key_of(sale.seed, decision, n), commit) for n in range(count))


def house_card(view: View | Step, sale: Sale) -> str:
    """How to reach the house: as our own account there knows it. The offer's is the buyer's word,
    and may name an address at which nobody answers any more."""
    row = view.row((Account.table, sale.slot[:32], sale.slot[32:])) if sale.slot else None
    if isinstance(row, Account) and row.card:
        return row.card
    return offer_of(sale).house_card


# ---------------------------------------------------------------- letters that are kept


def reveal_in(words: bytes) -> Reveal:
    """What the words of a reveal that we keep say."""
    body = decode_words(words).body
    assert isinstance(body, Reveal)
    return body


def words_in(signed: bytes, sender: NodeId, receiver: NodeId) -> SaleWords:
    """What a signed letter about a sale says. WireFault where it is none, or of somebody else."""
    letter = read_letter(signed, receiver)
    if letter.sender != sender or not isinstance(letter.body, OfSale):
        raise WireFault("not the letter of this party about a sale")
    return decode_words(letter.body.words)


def party_in(signed: bytes) -> Party:
    """What a signed Reveal or Joined names; who signed it is not looked at. WireFault."""
    body = decode_letter(Envelope.decode_unverified(signed).payload).body
    words = decode_words(body.words).body if isinstance(body, OfSale) else None
    if not isinstance(words, Reveal | Joined):
        raise WireFault("a letter in which nobody names his keys")
    return words.party


# ---------------------------------------------------------------- decisions


def descriptor_of(sale: Sale, decision: Decision) -> bytes:
    """Its descriptor; empty where there is none (so far)."""
    match decision:
        case Decision.AGREE:
            return sale.agreement
        case Decision.LOCK:
            return sale.lock
        case _:
            return contract_of(sale).decisions.get(decision, b"") if sale.contract else b""


def descriptors_of(sale: Sale) -> dict[Decision, bytes]:
    """All that are known by now."""
    found = {decision: descriptor_of(sale, decision) for decision in Decision}
    return {decision: data for decision, data in found.items() if data}


def decision_under(sale: Sale, commit: bytes) -> Decision | None:
    """Which decision of the sale has this commit_id."""
    for decision, data in descriptors_of(sale).items():
        if commit_id(data) == commit:
            return decision
    return None


def known_of(view: View | Step, sale: Sale) -> Known:
    """What is certified so far, as this node has verified it."""
    known = {}
    for decision, data in descriptors_of(sale).items():
        row = view.row((Transaction.table, commit_id(data), b""))
        if isinstance(row, Transaction) and row.decided:
            committed = bool(row.commit_certificate)
            known[decision] = Outcome.COMMITTED if committed else Outcome.ABORTED
    return known


def share_at(decision: Decision, role: SaleRole) -> int:
    """Where the row keeps the shares of a part."""
    return decision * len(SaleRole) + role


def pool_decisions(sale: Sale) -> tuple[Decision, ...]:
    """Those that are decided once the stakes are in the pool."""
    arbitrated = contract_of(sale).pool.arbitrated
    return (*DECIDED, Decision.SLASH) if arbitrated else DECIDED
