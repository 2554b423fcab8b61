"""What floods through the network so that payers can find routes (protocol sections 6 and 8).

An advert travels as an envelope signed by whom it speaks of. The newest sequence wins, each has an
expiry, and `AdvertKey` says which earlier advert it replaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proto.brand_codec import (
    brand_from_message,
    brand_to_message,
    exchange_from_message,
    exchange_to_message,
    fee_set_from_message,
    fee_set_to_message,
    registry_fees_from_message,
    registry_fees_to_message,
)
from proto.envelope import Envelope
from proto.fees import Exchange, FeeSet, RegistryFee
from proto.fraud.file import read_fraud_proof
from proto.key_certificate import verify_node_key
from proto.keys import KeyPurpose, NodeId, node_id
from proto.limits import (
    CLOCK_ERROR_MAX_US,
    MAX_ADDRESS_CHARS,
    MAX_ADVERT_BYTES,
    MAX_ADVERT_LIFE_US,
    MAX_ADVERT_REGISTRIES,
    MAX_ALIAS_CHARS,
    MAX_AMOUNT,
    MAX_EXCHANGE_RATES,
    MAX_RECORD_ADVERT_BYTES,
    MAX_SEQUENCE,
    MAX_SEQUENCE_AHEAD_US,
)
from proto.money import Brand
from proto.registry_list import LIST_ID_BYTES, LIST_KIND, RegistryList, read_list
from proto.registry_record import RegistryRecord, read_record
from proto.v1 import types_pb2 as pb
from proto.wire import Untimely, WireFault, canonical, parse, refuse_unknown_fields

NODE_KIND: Final = "pledgeway/node-advert/v1"
LINE_KIND: Final = "pledgeway/line-advert/v1"
RECORD_KIND: Final = "pledgeway/registry-advert/v1"
FRAUD_KIND: Final = "pledgeway/fraud/v1"

AdvertKey = tuple[str, bytes]
"""(kind, subject): what the newest advert replaces."""


@dataclass(frozen=True, slots=True)
class NodeAdvert:
    """How a node wants to be used. Fees are absent for a mode it refuses."""

    node: NodeId
    alias: str
    sequence: int
    expires_at_us: int
    seal_key: bytes
    seal_certificate: bytes  # SignedKeyCertificate
    registries: frozenset[bytes]
    knows_registries: frozenset[bytes]
    watches_registry: bool
    hold_max_us: int
    fees: FeeSet
    registry_fees: Mapping[bytes, RegistryFee]
    exchange: tuple[Exchange, ...] = ()
    address: str = ""
    registry_list: bytes = b""  # id of a list that it follows; adds to `registries`

    @property
    def key(self) -> AdvertKey:
        return NODE_KIND, self.node

    def accepts(self, followed: RegistryList | None) -> frozenset[bytes]:
        """T(n), with the list that it follows where that is known. Of a list only what the node
        can verify: it says which records it holds."""
        if followed is None:
            return self.registries
        return self.registries | (followed.registries & self.knows_registries)

    def encode(self) -> bytes:
        return canonical(
            pb.NodeAdvert(
                node=self.node,
                alias=self.alias,
                sequence=self.sequence,
                expires_at_us=self.expires_at_us,
                seal_key=pb.SignedKeyCertificate.FromString(self.seal_certificate),
                registries=sorted(self.registries),
                knows_registries=sorted(self.knows_registries),
                watches_registry=self.watches_registry,
                hold_max_us=self.hold_max_us,
                atomicity_fees=fee_set_to_message(self.fees),
                registry_fees=registry_fees_to_message(dict(self.registry_fees)),
                exchange=[exchange_to_message(e) for e in self.exchange],
                address=self.address,
                registry_list=self.registry_list,
            )
        )


@dataclass(frozen=True, slots=True)
class LineAdvert:
    """What `promisor` can still promise to `promisee`. Fee sets of its own replace the node's.

    `grants`: the other direction of the line, what `promisee` may still come to owe `promisor`, in
    units. Here its giver says it: `available` of the twin is only its taker's claim.
    """

    promisor: NodeId
    promisee: NodeId
    brand: Brand
    sequence: int
    expires_at_us: int
    available: int
    fees: FeeSet | None = None
    registry_fees: Mapping[bytes, RegistryFee] | None = None
    closed: bool = False
    grants: int = 0

    @property
    def key(self) -> AdvertKey:
        return LINE_KIND, self.promisor + self.promisee + self.brand.guid

    def encode(self) -> bytes:
        message = pb.LineAdvert(
            promisor=self.promisor,
            promisee=self.promisee,
            brand=brand_to_message(self.brand),
            sequence=self.sequence,
            expires_at_us=self.expires_at_us,
            available=self.available,
            closed=self.closed,
            grants=self.grants,
        )
        if self.fees is not None:
            message.atomicity_fees.CopyFrom(fee_set_to_message(self.fees))
        if self.registry_fees is not None:
            message.registry_fees.CopyFrom(registry_fees_to_message(dict(self.registry_fees)))
        return canonical(message)


@dataclass(frozen=True, slots=True)
class RecordAdvert:
    """A registry's signed record, passed on by whoever has it: it certifies itself."""

    record: RegistryRecord

    @property
    def key(self) -> AdvertKey:
        return RECORD_KIND, self.record.registry

    @property
    def sequence(self) -> int:
        """The record's rank: whoever compares adverts puts more roots above any sequence."""
        return self.record.rank

    @property
    def expires_at_us(self) -> int:
        return self.record.expires_at_us


@dataclass(frozen=True, slots=True)
class FraudAdvert:
    """The file that proves a registry a cheat (registry section 8): it certifies itself.

    Read but not verified: what it proves depends on the reader's own witnesses.
    """

    accused: bytes
    data: bytes  # FraudProof

    @property
    def key(self) -> AdvertKey:
        return FRAUD_KIND, self.accused

    @property
    def sequence(self) -> int:
        # The first proof is as good as any later one, but a lie outranks what may be a failure.
        return 1 if read_fraud_proof(self.data).kind.may_be_a_failure else 2

    @property
    def expires_at_us(self) -> int:
        return MAX_SEQUENCE


Advert = NodeAdvert | LineAdvert | RecordAdvert | FraudAdvert | RegistryList


def read_advert(data: bytes, now_us: int) -> Advert:
    """Verifies and reads one advert (Envelope bytes). Raises WireFault.

    One that has expired, beyond the clock error that the protocol's margins contain, or that is
    dated too far ahead, is Untimely: a WireFault that does not tell against who passed it on.
    """
    envelope = _open(data)
    if envelope.kind == FRAUD_KIND:
        accused = read_record(read_fraud_proof(envelope.payload).record).registry
        return FraudAdvert(accused, envelope.payload)
    if len(data) > MAX_RECORD_ADVERT_BYTES:
        raise WireFault(f"an advert has at most {MAX_RECORD_ADVERT_BYTES} bytes")
    if len(data) > MAX_ADVERT_BYTES and envelope.kind != RECORD_KIND:
        raise WireFault(f"an advert of a node or a line has at most {MAX_ADVERT_BYTES} bytes")
    if envelope.kind == RECORD_KIND:
        # The record carries its own signatures; the envelope around it has none to check. What
        # stands in the record is its registry's, and may be newer than we are; the rest is not.
        refuse_unknown_fields(parse(pb.SignedRegistryRecord, envelope.payload))
        return _current(RecordAdvert(read_record(envelope.payload)), now_us)
    if envelope.kind == LIST_KIND:
        return _current(read_list(data), now_us)
    if not envelope.proof.proves(envelope.kind, envelope.payload):
        raise WireFault("an advert with a wrong signature")
    if envelope.kind == NODE_KIND:
        advert: Advert = _read_node(envelope.payload, now_us)
        subject = advert.key[1]
    elif envelope.kind == LINE_KIND:
        advert = _read_line(envelope.payload)
        subject = advert.promisor
    else:
        raise WireFault("an advert of unknown kind")
    if envelope.signer != subject:
        raise WireFault("an advert that somebody else signed")
    return _current(advert, now_us)


def _open(data: bytes) -> Envelope:
    """The envelope itself is not signed: anybody could fill it with more than it needs."""
    envelope = Envelope.decode_unverified(data)
    refuse_unknown_fields(parse(pb.Envelope, data))
    return envelope


def _current(advert: Advert, now_us: int) -> Advert:
    # Both clocks may be off, each by as much as the margins contain.
    if advert.sequence > MAX_SEQUENCE:
        raise WireFault("an advert with a sequence that no database holds")
    if advert.expires_at_us + 2 * CLOCK_ERROR_MAX_US < now_us:
        raise Untimely("an advert that has expired", expired=True)
    if isinstance(advert, NodeAdvert | LineAdvert):
        if advert.sequence > now_us + MAX_SEQUENCE_AHEAD_US:
            raise Untimely("an advert numbered by a clock that is more than an hour ahead")
        if advert.expires_at_us > now_us + MAX_ADVERT_LIFE_US:
            raise Untimely("an advert that would be good for more than a day")
    return advert


def _read_node(payload: bytes, now_us: int) -> NodeAdvert:
    m = parse(pb.NodeAdvert, payload)
    refuse_unknown_fields(m)
    if len(m.registries) > MAX_ADVERT_REGISTRIES or len(m.exchange) > MAX_EXCHANGE_RATES:
        raise WireFault("a node advert with too many registries or exchange rates")
    if len(m.alias) > MAX_ALIAS_CHARS or not m.alias.isprintable():
        raise WireFault("a node advert with an unprintable or too long alias")
    if not m.address.isprintable():
        raise WireFault("a node advert with an unprintable address")
    if len(m.address) > MAX_ADDRESS_CHARS or len(m.knows_registries) > MAX_ADVERT_REGISTRIES:
        raise WireFault("a node advert with a too long address or list")
    if len(m.registry_list) not in (0, LIST_ID_BYTES):
        raise WireFault("a node advert with a list of registries that is no id")
    if not 0 <= m.hold_max_us <= MAX_AMOUNT:
        raise WireFault("a node advert with an impossible hold_max")
    seal = verify_node_key(m.seal_key, m.node, KeyPurpose.SEAL, now_us)
    return NodeAdvert(
        node=_node(m.node),
        alias=m.alias,
        sequence=m.sequence,
        expires_at_us=m.expires_at_us,
        seal_key=seal.key,
        seal_certificate=m.seal_key.SerializeToString(),
        registries=frozenset(m.registries),
        knows_registries=frozenset(m.knows_registries),
        watches_registry=m.watches_registry,
        hold_max_us=m.hold_max_us,
        fees=fee_set_from_message(m.atomicity_fees),
        registry_fees=registry_fees_from_message(m.registry_fees),
        exchange=tuple(exchange_from_message(e) for e in m.exchange),
        address=m.address,
        registry_list=m.registry_list,
    )


def _read_line(payload: bytes) -> LineAdvert:
    m = parse(pb.LineAdvert, payload)
    refuse_unknown_fields(m)
    if max(m.available, m.grants) > MAX_AMOUNT:
        raise WireFault("a line advert with an impossible amount")
    fees = fee_set_from_message(m.atomicity_fees) if m.HasField("atomicity_fees") else None
    registry_fees = None
    if m.HasField("registry_fees"):
        registry_fees = registry_fees_from_message(m.registry_fees)
    return LineAdvert(
        promisor=_node(m.promisor),
        promisee=_node(m.promisee),
        brand=brand_from_message(m.brand),
        sequence=m.sequence,
        expires_at_us=m.expires_at_us,
        available=m.available,
        fees=fees,
        registry_fees=registry_fees,
        closed=m.closed,
        grants=m.grants,
    )


def _node(data: bytes) -> NodeId:
    try:
        return node_id(data)
    except ValueError as error:
        raise WireFault(str(error)) from error
