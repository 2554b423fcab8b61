"""Values that parsers accept, made from labels: what the targets' seeds consist of."""

from dataclasses import replace
from hashlib import sha256
from typing import Final

from node.command.sim.cast import (
    NOW_US,
    R1,
    R2,
    R3,
    SECOND,
    SINGLE,
    TWO_OF_THREE,
    digest,
    make_registry,
    signing_key,
)
from proto.advert_file import FIRST_LINE, file_lines
from proto.adverts import LINE_KIND, NODE_KIND, LineAdvert, NodeAdvert
from proto.card import NodeCard, PathFinderCard
from proto.checkpoint import Checkpoint, sign_checkpoint
from proto.commit import Evidence
from proto.descriptor import Descriptor
from proto.envelope import Envelope, sign
from proto.fees import Exchange, Fee, FeeSet, RegistryFee
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SealKey
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.log_leaf import FenceLeaf, KeyLeaf
from proto.messages import (
    Abandon,
    Accepted,
    Body,
    Claim,
    Denied,
    LineAccept,
    LineClose,
    LineLimit,
    LineOffer,
    LineState,
    Passed,
    Promise,
    Redeemed,
    Refuse,
    Release,
)
from proto.modes import Mode
from proto.money import Brand, Rate
from proto.note import COSIGNATURE, NoteKey
from proto.onion import Deliver, Forward, wrap
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest
from proto.statement import INTERIM_KIND, Interim, InterimKind, Statement
from proto.tlog_proof import LogProof
from proto.v1 import types_pb2 as pb
from tests.proto.build import DESCRIPTOR, abort_certificate, commit_certificate, make_commit

NODE: Final = signing_key("fuzzed node")
PEER: Final = signing_key("fuzzed peer")
SEAL: Final = SealKey(digest("fuzzed seal"))
BRAND: Final = Brand(b"b" * 16, "USD")
ID, LINE = b"p" * 16, b"l" * 16
NO: Final = Refusal(Reason.CREDIT_SHORT, 12)


def node_key(purpose: KeyPurpose, key: bytes = b"") -> bytes:
    """A communication key of NODE, certified by it."""
    content = KeyCertificate(NODE.public, purpose, key or SEAL.public, 0, 2**62)
    return certify_key(NODE, content).SerializeToString()


COLLECTIVE: Final = replace(
    DESCRIPTOR,
    policy=TWO_OF_THREE,
    decline_hash=sha256(b"no").digest(),
    committers=tuple(signing_key(f"committer {i}").public for i in range(3)),
    threshold=2,
)
LOCKED: Final = replace(DESCRIPTOR, hashlocks=(digest("lock"), digest("other lock")))
DESCRIPTORS: Final[tuple[Descriptor, ...]] = (
    *(DESCRIPTOR, COLLECTIVE, LOCKED),
    replace(DESCRIPTOR, deadline_us=2**63 - 1),
)
COMMIT: Final = make_commit(DESCRIPTOR)
COMMITTED: Final = commit_certificate(DESCRIPTOR, R1)
COLLECTED: Final = commit_certificate(replace(DESCRIPTOR, policy=TWO_OF_THREE), R1, R2)
ABORTED: Final = abort_certificate(DESCRIPTOR, R1)
RELAYED: Final = Evidence(
    Evidence.decode(COMMIT.evidence).shares,
    (b"preimage",),
    tuple(s.encode() for s in COLLECTED.statements),
)
INTERIM: Final = Interim(InterimKind.ADMITTED, digest("id"), NOW_US, 1000, NOW_US + SECOND, R1.id)
SIGNED_INTERIM: Final = pb.SignedInterim(
    interim=INTERIM.encode(),
    signatures=[sign(R1.online, INTERIM_KIND, INTERIM.encode()).to_message()],
).SerializeToString()
LEAVES: Final = (
    ABORTED.statements[0].statement,
    FenceLeaf(NOW_US).encode(),
    KeyLeaf(certify_key(NODE, KeyCertificate(R1.id, KeyPurpose.LOG, b"k" * 32, 0, 9)).certificate)
    .encode(),
)  # fmt: skip

CLOSED: Final = Statement(R1.id, LEAVES[1], "example.net/2026", 7, digest("id")).encode()

FORWARD: Final = Forward(PEER.node_id, BRAND.guid, 100, Level.SECURED, NOW_US)
DELIVER: Final = Deliver(ID, 0, 100)
BINDING: Final = digest("binding")


def packet(binding: bytes = BINDING) -> bytes:
    """For SEAL, and behind it for another node."""
    layers = [(SEAL.public, FORWARD), (SealKey(digest("other seal")).public, DELIVER)]
    made = wrap(SealKey(digest("ephemeral")), layers, binding, digest("padding"))
    assert made is not None
    return made


PROMISE: Final = Promise(
    ID, LINE, DESCRIPTOR.encode(), 100, Level.SECURED, 5, packet(), (SIGNED_INTERIM,)
)
BODIES: Final[tuple[Body, ...]] = (
    LineOffer(LINE, Brand(b"b" * 16, "USD", 5, b"i" * 32), 1000),
    LineAccept(LINE, 0),
    LineLimit(LINE, MAX_AMOUNT, 3),
    LineClose(LINE),
    LineState(LINE, 9, MAX_AMOUNT, b"h" * 32),
    PROMISE,
    replace(PROMISE, level=Level.ATOMIC, expires_at_us=0, admitted=()),
    Accepted(ID),
    Refuse(ID, NO),
    Abandon(ID),
    Release(ID, Refusal(Reason.PAYEE_DECLINED)),
    Claim(ID, COMMIT),
    Claim(ID, COMMITTED),
    Denied(ID, Refusal(Reason.CLAIM_LATE, 7)),
    Redeemed(ID, LINE, 4, 400),
    Passed(ID, ABORTED),
)

NODE_ADVERT: Final = NodeAdvert(
    node=NODE.node_id,
    alias="Ada",
    sequence=7,
    expires_at_us=NOW_US + SECOND,
    seal_key=SEAL.public,
    seal_certificate=node_key(KeyPurpose.SEAL),
    registries=frozenset({R1.id, R2.id}),
    knows_registries=frozenset({R1.id}),
    watches_registry=True,
    hold_max_us=60 * SECOND,
    fees=FeeSet({Mode.ATOMIC: Fee(), Mode.BARE: Fee(Rate.parse("1.006"), 5)}),
    registry_fees={R1.id: RegistryFee(out_rate=Rate.parse("1.0005"), in_flat=3)},
    exchange=(Exchange(b"b" * 16, b"c" * 16, Rate.parse("0.9"), 1, 1000),),
    address="localhost:7001",
    registry_list=digest("list"),
)
LINE_ADVERT: Final = LineAdvert(
    promisor=NODE.node_id,
    promisee=PEER.node_id,
    brand=BRAND,
    sequence=3,
    expires_at_us=NOW_US + SECOND,
    available=500_000,
    grants=300_000,
    fees=FeeSet({Mode.GATEWAY: Fee(Rate.parse("1.003"), 2)}),
    registry_fees={R2.id: RegistryFee()},
)
ADVERTS: Final = (
    Envelope.seal(NODE, NODE_KIND, NODE_ADVERT.encode()).encode(),
    Envelope.seal(NODE, LINE_KIND, LINE_ADVERT.encode()).encode(),
)
ADVERT_FILE: Final = "".join(file_lines(ADVERTS)).removeprefix(FIRST_LINE + "\n").encode()
LIST: Final = pb.RegistryListAdvert(
    registries=sorted([R1.id, R2.id, R3.id]), sequence=3, expires_at_us=NOW_US + SECOND
)

REQUEST: Final = PaymentRequest(
    request_id=b"r" * 16,
    payee=NODE.node_id,
    payee_alias="Bea",
    brand=BRAND,
    amount=100_000,
    committer_key=digest("committer"),
    seal_key=SEAL.public,
    seal_certificate=node_key(KeyPurpose.SEAL),
    expires_at_us=NOW_US + 60 * SECOND,
    latest_deadline_us=NOW_US + 30 * SECOND,
    decline_hashes=(digest("no"), digest("never")),
    policies=(SINGLE, TWO_OF_THREE),
    last_levels=frozenset({Level.ATOMIC, Level.BARE}),
    description="two loaves",
)
CARD: Final = NodeCard(
    NODE.node_id, "Bea", "localhost:7002", b"DER" * 9,
    node_key(KeyPurpose.TLS, b"DER" * 9), node_key(KeyPurpose.SEAL),
)  # fmt: skip
FINDER_CARD: Final = PathFinderCard(CARD, "localhost:7003")

LOG: Final = signing_key("fuzzed log")
ORIGIN: Final = "registry.example/2026"
NOTE: Final = sign_checkpoint(Checkpoint(ORIGIN, 11, digest("root")), LOG).encode()
PROOF: Final = LogProof(6, (digest("a"), digest("b")), NOTE)
WITNESS: Final = NoteKey("witness.example/w", COSIGNATURE, LOG.public)
REGISTRY: Final = make_registry("fuzzed")
