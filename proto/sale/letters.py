"""What the parties of a sale write to each other (escrow sections 8 and 9)."""

from dataclasses import dataclass
from typing import Final

from proto.commit import Evidence
from proto.envelope import Proof
from proto.escrow.terms import Opening
from proto.keys import KEY_BYTES, SIGNATURE_BYTES
from proto.sale.contract import Party
from proto.sale.offer import HASH_BYTES, SALE_ID_BYTES
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Decision
from proto.v1 import sale_pb2 as pb
from proto.wire import WireFault, canonical, parse

MAX_CREDENTIAL_BYTES: Final = 8192  # a password, a key file, a page of recovery codes
MAX_SEALED_BYTES: Final = MAX_CREDENTIAL_BYTES + 256  # nonces, tags, and the padding
MAX_LOG_ENTRIES: Final = 64  # of one hand-over: some tries, and what was said in them
MAX_LOG_ENTRY_BYTES: Final = 512  # hashes and a kind, never content
MAX_CLOSING_LETTERS: Final = 4  # of seller, agent, arbiter; and openings of T1: three, and one


@dataclass(frozen=True, slots=True)
class Offered:
    """Buyer to seller: the offer, and the buyer's first rule; both signed."""

    offer: bytes
    rule: bytes


@dataclass(frozen=True, slots=True)
class Ruled:
    """Either way: a rule that answers the other's."""

    rule: bytes


@dataclass(frozen=True, slots=True)
class Reveal:
    """Either way, once an agent is found: the salt of one's own last rule (its hash), and what one
    signs with."""

    rule: bytes
    salt: bytes
    party: Party


@dataclass(frozen=True, slots=True)
class Asked:
    """Buyer to agent and arbiter: come in. `rules`: the last of both sides, the older one first.
    `reveals`: the buyer's (encoded SaleWords) and the seller's (her signed letter), so that the
    agent sees that it is really him."""

    offer: bytes
    rules: tuple[bytes, ...]
    reveals: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Agent or arbiter to buyer."""

    party: Party


@dataclass(frozen=True, slots=True)
class Terms:
    """Buyer to all: the signed contract, T0's descriptor, the house's promise, and the signed
    letters in which the others named their keys: the seller's reveal, the agent's and the arbiter's
    joins."""

    contract: bytes
    agreement: bytes
    promise: bytes
    letters: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SaleShare:
    """A party's signatures towards a decision."""

    decision: Decision
    shares: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """Seller to agent: the credential, sealed to the agent's box of this sale."""

    sealed: bytes


@dataclass(frozen=True, slots=True)
class Lock:
    """Agent to buyer and seller: T1 with all its openings, and the signed HandedOver.

    `sealed`: to the buyer alone; `log`: entries of the hash-chained log.
    """

    descriptor: bytes
    openings: tuple[Opening, ...]
    statement: bytes
    sealed: bytes = b""
    log: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Staked:
    """To the others: the house's promise that a stake lies ready."""

    promise: bytes


@dataclass(frozen=True, slots=True)
class Controlled:
    """Buyer to agent: the signed proof of control, as it is posted."""

    statement: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """To the others: not any more, while nobody is bound."""

    why: SaleReason


SaleBody = (
    Offered
    | Ruled
    | Reveal
    | Asked
    | Joined
    | Terms
    | SaleShare
    | Credential
    | Lock
    | Staked
    | Controlled
    | Closed
)


@dataclass(frozen=True, slots=True)
class SaleWords:
    """The body of a letter that concerns a sale."""

    sale: bytes
    body: SaleBody


def encode_words(words: SaleWords) -> bytes:
    """The bytes that a letter carries."""
    m = pb.SaleLetter(sale_id=words.sale)
    match words.body:
        case Offered(offer, rule):
            m.offered.offer, m.offered.rule = offer, rule
        case Ruled(rule):
            m.ruled.rule = rule
        case Reveal(rule, salt, party):
            m.reveal.rule, m.reveal.salt = rule, salt
            m.reveal.party.CopyFrom(party.to_message())
        case Asked(offer, rules, reveals):
            m.ask.offer = offer
            m.ask.rules.extend(rules)
            m.ask.reveals.extend(reveals)
        case Joined(party):
            m.join.party.CopyFrom(party.to_message())
        case Terms(contract, agreement, promise, letters):
            m.terms.contract, m.terms.agreement, m.terms.promise = contract, agreement, promise
            m.terms.letters.extend(letters)
        case SaleShare(decision, shares):
            m.share.decision = int(decision)  # type: ignore[assignment]
            m.share.shares.extend(share.to_message() for share in shares)
        case Credential(sealed):
            m.credential.sealed = sealed
        case Lock(descriptor, openings, statement, sealed, log):
            m.lock.descriptor, m.lock.statement, m.lock.sealed = descriptor, statement, sealed
            m.lock.openings.extend(opening.to_message() for opening in openings)
            m.lock.log.extend(log)
        case Staked(promise):
            m.staked.promise = promise
        case Controlled(statement):
            m.control.statement = statement
        case Closed(why):
            m.close.why = int(why)
    return canonical(m)


def decode_words(data: bytes) -> SaleWords:
    """Raises WireFault."""
    m = parse(pb.SaleLetter, data)
    if len(m.sale_id) != SALE_ID_BYTES:
        raise WireFault("a letter about no sale")
    return SaleWords(m.sale_id, _body(m))


def _body(m: pb.SaleLetter) -> SaleBody:
    match m.WhichOneof("body"):
        case "offered":
            return Offered(m.offered.offer, m.offered.rule)
        case "ruled":
            return Ruled(m.ruled.rule)
        case "reveal":
            if (len(m.reveal.rule), len(m.reveal.salt)) != (HASH_BYTES, HASH_BYTES):
                raise WireFault("a reveal with a hash or a salt of wrong length")
            return Reveal(m.reveal.rule, m.reveal.salt, _party(m.reveal.party))
        case "ask":
            if (len(m.ask.rules), len(m.ask.reveals)) != (2, 2):
                raise WireFault("an agent is asked by two rules and two reveals")
            return Asked(m.ask.offer, tuple(m.ask.rules), tuple(m.ask.reveals))
        case "join":
            return Joined(_party(m.join.party))
        case "terms":
            t = m.terms
            if len(t.letters) > MAX_CLOSING_LETTERS:
                raise WireFault("terms with more letters than parties")
            return Terms(t.contract, t.agreement, t.promise, tuple(t.letters))
        case "share":
            return _share(m.share)
        case "credential":
            return Credential(_sealed(m.credential.sealed))
        case "lock":
            return _lock(m.lock)
        case "staked":
            return Staked(m.staked.promise)
        case "control":
            return Controlled(m.control.statement)
        case "close":
            try:
                return Closed(SaleReason(m.close.why))
            except ValueError as error:
                raise WireFault("a letter with an unknown reason") from error
        case _:
            raise WireFault("a letter that says nothing of its sale")


def _party(m: pb.SaleParty) -> Party:
    with_arbiter = any(int(key.decision) == Decision.SLASH for key in m.keys)
    return Party.from_message(m, with_arbiter)


def _share(m: pb.SaleShare) -> SaleShare:
    if not 1 <= len(m.shares) <= 2:
        raise WireFault("a party signs with one key, an arbiter with two")
    try:
        decision = Decision(m.decision)
    except ValueError as error:
        raise WireFault("a share of an unknown decision") from error
    shares = tuple(Proof.from_message(share) for share in m.shares)
    # Alone, and never as one of a batch: their paths could be longer than the evidence that a
    # registry takes, and than what rows of shares are read from.
    if any(s.size or s.index or s.path or len(s.signature) != SIGNATURE_BYTES for s in shares):
        raise WireFault("a share that is not one plain signature")
    if any(len(share.key) != KEY_BYTES for share in shares):
        raise WireFault("a share by a malformed key")
    return SaleShare(decision, shares)


def _lock(m: pb.SaleLock) -> Lock:
    if len(m.openings) > MAX_CLOSING_LETTERS:  # three stakes and the order
        raise WireFault("a lock with too many openings")
    if len(m.log) > MAX_LOG_ENTRIES or any(len(e) > MAX_LOG_ENTRY_BYTES for e in m.log):
        raise WireFault("a lock with too long a log")
    openings = tuple(Opening.from_message(opening) for opening in m.openings)
    sealed = _sealed(m.sealed) if m.sealed else b""
    return Lock(m.descriptor, openings, m.statement, sealed, tuple(m.log))


def _sealed(data: bytes) -> bytes:
    if not 0 < len(data) <= MAX_SEALED_BYTES:
        raise WireFault(f"a sealed credential has at most {MAX_SEALED_BYTES} bytes")
    return data


def shares_to_bytes(shares: tuple[Proof, ...]) -> bytes:
    """Shares as rows keep them."""
    return Evidence(shares).encode()


def shares_from_bytes(data: bytes) -> tuple[Proof, ...]:
    """What `shares_to_bytes` was given; nothing of nothing."""
    return Evidence.decode(data).shares if data else ()
