"""Targets: what registrars, coordinators and seats write to each other about an exchange."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from node.command.sim.cast import NOW_US, SECOND, SINGLE, TWO_OF_THREE, digest
from proto.card import sign_card
from proto.envelope import Envelope, Proof
from proto.escrow import letters as words
from proto.escrow import receipts
from proto.escrow.args import ResultOf
from proto.escrow.batch import (
    BATCH_KIND,
    OPEN_KIND,
    REPLY_KIND,
    BatchReply,
    OpBatch,
    OpenAccount,
    payload_of,
    read_asked,
    read_reply,
    sign_reply,
)
from proto.escrow.grant import (
    GRANT_KIND,
    GRANT_PREFIX,
    MAX_GRANT_BYTES,
    Grant,
    open_grant,
    read_grant,
    seal_grant,
)
from proto.escrow.legs import (
    LEG_PROMISE_KIND,
    Leg,
    LegPromise,
    MoneyCarrier,
    RightCarrier,
    read_leg_promise,
)
from proto.escrow.ops import (
    Accept,
    Attenuate,
    Cancel,
    CapabilityKind,
    LegPhase,
    LegState,
    Look,
    Offer,
    OpRefusal,
    OpResult,
    Prepare,
    Refund,
    RegistrarError,
    Revoke,
    Settle,
    Transfer,
)
from proto.escrow.proposal import PROPOSAL_KIND, Proposal, read_proposal
from proto.escrow.reasons import EscrowReason
from proto.escrow.rights import RIGHT_KIND, Right, read_right, sign_right, unique_brand_id
from proto.escrow.terms import Opening, Order, SeatTerms, decode_term, encode_term, plant
from proto.fees import Fee
from proto.keys import NodeId
from proto.money import Brand, Rate
from proto.one_line import from_line, to_line
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical
from tests.fuzz import values as v
from tests.fuzz.target import Target
from tests.node.escrow.cases import TWELVE

WIRE: Final = (WireFault,)
HERE, THERE = v.NODE.node_id, v.PEER.node_id
CAPABILITY, HASH, ACCOUNT = b"c" * 32, digest("hash"), b"a" * 16
ATTRIBUTES: Final = '{"parcel_id":17,"region":"Ahern"}'
RIGHT: Final = Right(
    Brand(unique_brand_id(HERE, "parcel", ATTRIBUTES), "parcel", 1, HERE),
    HERE,
    "parcel",
    ATTRIBUTES,
    1,
    Fee(Rate.parse("1.01"), 0),
    policies=(SINGLE, TWO_OF_THREE),
    longest_lock_us=60 * SECOND,
)
MONEY_LEG: Final = Leg(1, v.BRAND.guid, 40, "buyer", "seller", MoneyCarrier(HERE, THERE))
RIGHT_LEG: Final = Leg(
    2, RIGHT.brand.guid, 9, "seller", "buyer", RightCarrier(HERE, ACCOUNT, b"d" * 16), 1
)
PROMISE: Final = LegPromise(HASH, RIGHT_LEG, 8, 1, digest("hold"), HERE)
TERMS: Final = (
    *(MONEY_LEG, RIGHT_LEG, Order(HASH)),
    *(SeatTerms("buyer", HERE, digest("key")), SeatTerms("seller", THERE)),
)
ROOT, OPENINGS = plant(TERMS, [digest(f"salt {i}") for i in range(len(TERMS))])
OPENING: Final = OPENINGS[0]
CARD: Final = sign_card(v.NODE, v.CARD)
PROPOSAL: Final = Proposal(
    salt=b"p" * 16,
    initiator=HERE,
    initiator_card=CARD,
    template=b"{}",
    instance=TWELVE[0].instance,
    rights=(sign_right(v.NODE, RIGHT),),
    seats=(("buyer", CARD), ("seller", CARD)),
    legs=(MONEY_LEG, RIGHT_LEG),
    within_us=30 * SECOND,
    policies=(SINGLE, TWO_OF_THREE),
    coordinators=(CARD,),
    created_at_us=NOW_US,
    expires_at_us=NOW_US + 60 * SECOND,
    decline_hash=HASH,
    note="for the garden",
    registrars=(CARD,),
)
BODIES: Final[tuple[words.Body, ...]] = (
    words.Invite(b"proposal", "buyer"),
    words.Join(b"p" * 16, "buyer", digest("key"), ((2, ACCOUNT),), (SINGLE,), (2,)),
    words.Withdraw(b"p" * 16, "buyer", EscrowReason.NO_POLICY),
    words.Fix(b"p" * 16, "buyer", v.COMMIT.descriptor, OPENINGS, CARD),
    words.LegsAccepted(HASH, "buyer", (words.LegAccept(2, CAPABILITY),)),
    words.Give(HASH, "buyer", (words.LegAccept(1, request=b"request"),)),
    words.Given(HASH, "seller", 2, b"promise"),
    words.Given(HASH, "seller", 2, why=EscrowReason.NO_ROUTE, hold=CAPABILITY),
    words.Receive(HASH, "buyer", (b"promise",)),
    words.Share(HASH, "buyer", Proof(v.NODE.public, b"s" * 64)),
    words.Decided(v.COMMITTED),
    words.Decided(v.ABORTED),
    words.OfSale(b"words"),
    words.Dossier(b"proposal", v.COMMIT.descriptor, OPENINGS, (b"join",), b"preimage"),
)
BATCH: Final = OpBatch(
    THERE,
    HERE,
    b"i" * 16,
    NOW_US,
    (
        Offer(CAPABILITY, 5, b"n" * 32, HASH),
        Accept(CAPABILITY, b"m" * 32, b"", 7),
        Refund(CAPABILITY, ResultOf(0)),
        Transfer(CAPABILITY, ResultOf(0), ResultOf(1)),
        Prepare(CAPABILITY, ResultOf(0), ResultOf(1), v.COMMIT.descriptor, OPENING),
        Settle(v.COMMITTED),
        Settle(v.ABORTED),
        Cancel(CAPABILITY, v.COMMIT.descriptor, OPENING),
        Look(CAPABILITY),
        Attenuate(CAPABILITY, CapabilityKind.VIEW, b"w" * 32),
        Revoke(CAPABILITY, HASH),
    ),
)
ACCOUNT_ASKED: Final = OpenAccount(THERE, HERE, b"i" * 16, NOW_US, ACCOUNT, CAPABILITY, b"t" * 32)
STATE: Final = LegState(HASH, 2, LegPhase.PREPARED, b"promise")
RESULT: Final = OpResult(HASH, 5, ACCOUNT, ACCOUNT, b"promise", (STATE,), CapabilityKind.HOLD)
DONE: Final = BatchReply(HERE, THERE, b"i" * 16, (RESULT,) * len(BATCH.ops))
REFUSED: Final = replace(
    DONE, results=(), refusal=OpRefusal(3, RegistrarError.INSUFFICIENT_FUNDS, 5)
)


def _signed(kind: str, read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """What a stranger signs himself is as much a stranger's as the rest."""
    return lambda payload: read(Envelope.seal(v.NODE, kind, payload).encode())


def _letter(payload: bytes) -> words.Letter:
    signed = words.sign_letter(v.NODE, payload)
    receipts.is_receipt(signed, HERE, THERE, HASH)
    return words.read_letter(signed, NodeId(THERE))


def _asked(kind: str) -> Callable[[bytes], Any]:
    return _signed(kind, lambda signed: read_asked(signed)[1])


def _payload(signed: bytes) -> bytes:
    return Envelope.decode(signed).payload


def _grant_bytes(grant: Grant) -> bytes:
    m = pb.Grant(right=types_pb2.Envelope.FromString(grant.right), account=grant.account)
    m.capability, m.terms, m.card = grant.capability, grant.terms, grant.card
    return canonical(m)


def _sealed_grant(grant: Grant) -> bytes:
    text = seal_grant(v.NODE, HERE, v.SEAL.public, digest("ephemeral"), grant)
    return _payload(from_line(GRANT_PREFIX, text, "a grant", MAX_GRANT_BYTES))


def _line(payload: bytes) -> str:
    return to_line(GRANT_PREFIX, Envelope.seal(v.NODE, GRANT_KIND, payload).encode())


def exchanged() -> list[Target]:
    """Descriptions of rights, promises, terms, proposals, letters, and batches with answers."""
    letters = tuple(words.encode_letter(words.Letter(HERE, THERE, NOW_US, x)) for x in BODIES)
    replies = tuple(_payload(sign_reply(v.NODE, reply)) for reply in (DONE, REFUSED))
    grant = Grant(sign_right(v.NODE, RIGHT), ACCOUNT, CAPABILITY, b"t" * 32, CARD)
    return [
        Target("grant", lambda d: read_grant(d, HERE), WIRE, (_grant_bytes(grant),), _grant_bytes),
        Target("sealed grant", lambda d: open_grant(_line(d), HERE, v.SEAL), WIRE,
               (_sealed_grant(grant),)),
        Target("right", _signed(RIGHT_KIND, read_right), WIRE, (RIGHT.encode(),), Right.encode),
        Target("leg promise", _signed(LEG_PROMISE_KIND, read_leg_promise), WIRE,
               (PROMISE.encode(),), LegPromise.encode),
        Target("leaf of terms", decode_term, WIRE, tuple(map(encode_term, TERMS)), encode_term),
        Target("opening of terms", Opening.decode, WIRE, (OPENING.encode(),), Opening.encode),
        Target("proposal", _signed(PROPOSAL_KIND, read_proposal), WIRE, (PROPOSAL.encode(),),
               Proposal.encode, cost=4),
        Target("letter", _letter, WIRE, letters, words.encode_letter),
        Target("batch for a registrar", _asked(BATCH_KIND), WIRE, (payload_of(BATCH),), payload_of),
        Target("account asked for", _asked(OPEN_KIND), WIRE, (payload_of(ACCOUNT_ASKED),),
               payload_of),
        Target("answer to a batch", _signed(REPLY_KIND, lambda d: read_reply(d, BATCH)), WIRE,
               replies, lambda reply: _payload(sign_reply(v.NODE, reply))),
    ]  # fmt: skip
