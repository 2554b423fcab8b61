"""Targets: what parties of a sale, its agent and its house write to each other, and pages on which
control is to be proven."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from node.command.sim.cast import R1, digest
from node.sale.control_text import find_control
from node.sale.evidence_log import LogEntry, LogKind, append, check, decode_entry, head, places
from node.sale.handover import check_resealed, key_hash, open_credential, open_handed_over
from node.sale.handover import reseal as sealed_to_buyer
from node.sale.handover import seal_credential as sealed_to_agent
from node.sale.vault import BoxKey
from proto.commit import sign_share
from proto.descriptor import Descriptor
from proto.envelope import Envelope
from proto.escrow.args import ResultOf
from proto.keys import SigningKey
from proto.sale import letters as words
from proto.sale.contract import CONTRACT_KIND, Contract, check_decision, check_lock, read_contract
from proto.sale.handover import (
    CONTROL_KIND,
    HANDED_KIND,
    ControlProof,
    control_line,
    from_control_line,
    read_control,
    read_handed_over,
    sign_control,
    sign_handed_over,
)
from proto.sale.offer import (
    AGENT_KIND,
    OFFER_KIND,
    RULE_KIND,
    AgentOffer,
    Rule,
    SaleOffer,
    agent_line,
    from_agent_line,
    read_agent_offer,
    read_offer,
    read_rule,
)
from proto.sale.ops import (
    Advertise,
    OpenPool,
    OpenVote,
    PoolOp,
    SealVote,
    Stake,
    fill_pool_op,
    read_pool_op,
)
from proto.sale.papers import SalePapers, decode_papers
from proto.sale.promise import (
    POOL_PROMISE_KIND,
    read_pool_promise,
    sign_pool_promise,
)
from proto.sale.reasons import SaleReason
from proto.sale.stakes import Decision, SaleRole
from proto.sale.votes import RATING_KIND, VOTE_KIND, Rating, Vote, read_rating, read_vote
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault, canonical, parse
from tests.fuzz.mutate import Form
from tests.fuzz.target import Broken, Target
from tests.node.core.escrow_table import aborted, committed
from tests.proto import sale_values as s

WIRE: Final = (WireFault,)
TEXT: Final = Form.TEXT
BUYER, SELLER, AGENT = (s.KEYS[r] for r in (SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT))
BOXES: Final = {name: BoxKey(digest(f"box of {name}")) for name in ("buyer", "seller", "agent")}
KEY: Final = digest("K")
NONCE: Final = b"n" * 24
CREDENTIAL: Final = b"user sally, password correct-horse"
SHARE: Final = sign_share(BUYER, digest("commit"))
LOCK: Final = Descriptor(
    salt=digest("T1"),
    deadline_us=s.CONTRACT.locked_until_us,
    policy=s.CONTRACT.policy,
    committers=tuple(p.keys_for(Decision.LOCK)[0] for p in s.PARTIES[:3]),
    threshold=3,
    terms_root=digest("terms"),
    hashlocks=(key_hash(KEY),),
)
BODIES: Final[tuple[words.SaleBody, ...]] = (
    words.Offered(s.SIGNED_OFFER, s.SIGNED_RULE),
    words.Ruled(s.SIGNED_RULE),
    words.Reveal(digest("rule"), digest("salt"), s.PARTIES[0]),
    words.Asked(s.SIGNED_OFFER, (b"rule", b"answer"), (b"reveal", b"other")),
    words.Joined(replace(s.PARTIES[2], keys=s.PARTIES[2].keys)),
    words.Joined(s.PARTIES[3]),
    words.Terms(s.SIGNED_CONTRACT, s.AGREEMENT, b"promise", (b"join", b"reveal")),
    words.SaleShare(Decision.SLASH, (SHARE, SHARE)),
    words.Credential(b"sealed"),
    words.Lock(LOCK.encode(), s.OPENINGS, b"statement", b"sealed", (b"entry",)),
    words.Staked(b"promise"),
    words.Controlled(b"statement"),
    words.Closed(SaleReason.NO_AGENT),
)
OPS: Final[tuple[PoolOp, ...]] = (
    OpenPool(s.SIGNED_CONTRACT, s.AGREEMENT),
    Stake(digest("terms"), ResultOf(0), s.POOL, LOCK.encode(), s.OPENINGS[0], s.OPENINGS[3]),
    SealVote(s.POOL, digest("vote")),
    OpenVote(s.POOL, s.VOTES[0]),
    Advertise(s.SIGNED_AGENT_OFFER),
)
LOG: Final = append(
    s.SALE, append(s.SALE, (), LogKind.RECEIVED, b"c", 5), LogKind.RESEALED, b"d", 9
)
CONTROL: Final = sign_control(s.LOCK_KEY, s.CONTROL.lock, s.CONTROL.challenge)
CONTROL_LINE: Final = control_line(CONTROL)
PAPERS: Final = SalePapers(
    s.SIGNED_OFFER,
    (s.SIGNED_RULE,),
    joins=(b"reveal", b"join", b""),
    contract=s.SIGNED_CONTRACT,
    agreement=s.AGREEMENT,
    lock=LOCK.encode(),
    openings=s.OPENINGS,
    log=LOG,
    control=CONTROL,
    certificates=(aborted(LOCK.encode()), committed(s.AGREEMENT, (SHARE,))),
    records=(R1.record,),
)


def _signed(key: SigningKey, kind: str, read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """What a party signs himself is as much a stranger's as the rest."""
    return lambda payload: read(Envelope.seal(key, kind, payload).encode())


def _payload(signed: bytes) -> bytes:
    return Envelope.decode(signed).payload


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda data: read(data.decode("utf-8", "replace"))


def _op(data: bytes) -> PoolOp:
    return read_pool_op(parse(pb.Op, data))


def _op_bytes(op: PoolOp) -> bytes:
    m = pb.Op()
    fill_pool_op(m, op)
    return canonical(m)


def _opened(data: bytes) -> bytes:
    """Whatever a seller puts under his seal."""
    sealed = bytes(BOXES["seller"].box(BOXES["agent"].public).encrypt(data, NONCE))
    return open_credential(sealed, s.SALE, BOXES["agent"], BOXES["seller"].public)


def _handed_over(data: bytes) -> bytes:
    """Whatever an agent puts under his: what the buyer can check before, holds after."""
    sealed = bytes(BOXES["agent"].box(BOXES["buyer"].public).encrypt(data, NONCE))
    check_resealed(sealed, s.SALE, BOXES["buyer"], BOXES["agent"].public, key_hash(KEY))
    return open_handed_over(sealed, s.SALE, BOXES["buyer"], BOXES["agent"].public, KEY)


def _content(seal: bytes, one: str, other: str) -> bytes:
    return bytes(BOXES[one].box(BOXES[other].public).decrypt(seal))


def _log(data: bytes) -> Any:
    """Entries as they come, each behind its length; whatever is whole can be looked through."""
    log, at = [], 0
    while at < len(data):
        log.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    said = head(s.SALE, tuple(log))
    fault = check(s.SALE, tuple(log), said)
    if fault is not None:
        return None
    if any(len(places(tuple(log), c)) > len(log) for c in (b"c", b"d")):
        raise Broken("more places than entries")
    return log


def _page(data: bytes) -> Any:
    found = find_control(data, s.CONTROL)
    if found.signed and read_control(found.signed) != s.CONTROL:
        raise Broken("found what is not asked for")
    return found


def _decision(data: bytes) -> Any:
    """A descriptor of T0, by whoever made it."""
    return check_decision(s.SALE, s.PARTIES, Decision.AGREE, data, s.POOL)


def documents() -> list[Target]:
    """What is signed: of each content there is one form."""
    house, lock_key = s.HOUSE_KEY, s.LOCK_KEY
    promise = _payload(sign_pool_promise(house, s.PROMISE))
    return [
        Target("sale offer", _signed(BUYER, OFFER_KIND, read_offer), WIRE,
               (s.OFFER.encode(),), SaleOffer.encode, exact=True, cost=2),
        Target("sale rule", _signed(SELLER, RULE_KIND, read_rule), WIRE, (s.RULE.encode(),),
               Rule.encode, exact=True, cost=2),
        Target("agent's offer", _signed(AGENT, AGENT_KIND, read_agent_offer), WIRE,
               (s.AGENT_OFFER.encode(),), AgentOffer.encode, exact=True),
        Target("sale contract", _signed(BUYER, CONTRACT_KIND, read_contract), WIRE,
               (s.CONTRACT.encode(),), Contract.encode, exact=True, cost=4),
        Target("promise of a pool", _signed(house, POOL_PROMISE_KIND, read_pool_promise), WIRE,
               (promise,), lambda p: _payload(sign_pool_promise(house, p)), exact=True),
        Target("vote on an agent", _signed(BUYER, VOTE_KIND, read_vote), WIRE,
               (s.VOTE.encode(),), Vote.encode, exact=True),
        Target("rating of an agent", _signed(house, RATING_KIND, read_rating), WIRE,
               (s.RATING.encode(), replace(s.RATING, sequence=1, previous=b"").encode()),
               Rating.encode, exact=True),
        Target("handed over", _signed(AGENT, HANDED_KIND,
               lambda signed: read_handed_over(signed, AGENT.public)), WIRE,
               (_payload(sign_handed_over(AGENT, s.HANDED)),),
               lambda said: _payload(sign_handed_over(AGENT, said)), exact=True),
        Target("proof of control", _signed(lock_key, CONTROL_KIND, read_control), WIRE,
               (_payload(CONTROL),), _control_bytes, exact=True),
        Target("document in its envelope", read_vote, WIRE, s.VOTES),
    ]  # fmt: skip


def _control_bytes(proof: ControlProof) -> bytes:
    return _payload(sign_control(s.LOCK_KEY, proof.lock, proof.challenge))


def courses() -> list[Target]:
    """What travels in letters and ops, what is sealed, logged and posted."""
    letters = tuple(words.encode_words(words.SaleWords(s.SALE, body)) for body in BODIES)
    keys = BOXES["agent"], BOXES["buyer"].public, KEY
    handed = sealed_to_agent(
        CREDENTIAL, s.SALE, BOXES["seller"], BOXES["agent"].public, digest("fresh")
    )
    resealed = sealed_to_buyer(CREDENTIAL, s.SALE, *keys, digest("fresh"))
    pages = (f"<p>{CONTROL_LINE[:50]}<wbr>&shy;{CONTROL_LINE[50:]}</p>", CONTROL_LINE)
    read = "buyer", "agent"
    return [
        Target("letter of a sale", words.decode_words, WIRE, letters, words.encode_words, cost=2),
        Target("shares of a row", words.shares_from_bytes, WIRE,
               (words.shares_to_bytes((SHARE, SHARE)),)),
        Target("op of a pool", _op, WIRE, tuple(map(_op_bytes, OPS)), _op_bytes),
        Target("lock of a sale", lambda d: check_lock(s.CONTRACT, d), WIRE, (LOCK.encode(),),
               Descriptor.encode, exact=True),
        Target("agreement of a sale", _decision, WIRE, (s.AGREEMENT,), Descriptor.encode,
               exact=True),
        Target("sealed credential", _opened, WIRE, (_content(handed, "agent", "seller"),)),
        Target("resealed credential", _handed_over, WIRE, (_content(resealed, *read),)),
        Target("entry of a log", decode_entry, WIRE, LOG, LogEntry.encode, exact=True),
        Target("log of a hand-over", _log, (), (b"".join(bytes([len(e)]) + e for e in LOG),)),
        Target("line with an agent's offer", _text(from_agent_line), WIRE,
               (agent_line(s.SIGNED_AGENT_OFFER).encode(),), form=TEXT),
        Target("line with a proof", _text(from_control_line), WIRE, (CONTROL_LINE.encode(),),
               form=TEXT),
        Target("papers of a sale", decode_papers, WIRE, (PAPERS.encode(),), SalePapers.encode,
               cost=4),
        Target("page with a proof", _page, (), tuple(page.encode() for page in pages), form=TEXT),
    ]  # fmt: skip
