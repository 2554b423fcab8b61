from proto.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Vetting(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VETTING_UNSPECIFIED: _ClassVar[Vetting]
    ANYONE: _ClassVar[Vetting]
    LISTED: _ClassVar[Vetting]
    CLOSED: _ClassVar[Vetting]

class CapabilityKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPABILITY_KIND_UNSPECIFIED: _ClassVar[CapabilityKind]
    ACCOUNT: _ClassVar[CapabilityKind]
    TERMS: _ClassVar[CapabilityKind]
    HOLD: _ClassVar[CapabilityKind]
    VIEW: _ClassVar[CapabilityKind]
    ACCEPT_ONLY: _ClassVar[CapabilityKind]

class RegistrarError(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REGISTRAR_ERROR_UNSPECIFIED: _ClassVar[RegistrarError]
    INSUFFICIENT_FUNDS: _ClassVar[RegistrarError]
    WRONG_BRAND: _ClassVar[RegistrarError]
    GONE: _ClassVar[RegistrarError]
    LOCKED: _ClassVar[RegistrarError]
    NOT_ALLOWED: _ClassVar[RegistrarError]
    NOT_YET: _ClassVar[RegistrarError]
    FENCED: _ClassVar[RegistrarError]
    BAD_LOT: _ClassVar[RegistrarError]
    BAD_LEG: _ClassVar[RegistrarError]
    POLICY_NOT_ACCEPTED: _ClassVar[RegistrarError]
    LOCK_TOO_LONG: _ClassVar[RegistrarError]
    TOO_LATE: _ClassVar[RegistrarError]
    ABOVE_CEILING: _ClassVar[RegistrarError]
    NOT_VETTED: _ClassVar[RegistrarError]
    QUOTA: _ClassVar[RegistrarError]
    REPEATED_OTHERWISE: _ClassVar[RegistrarError]
    STALE: _ClassVar[RegistrarError]
    BAD_DESCRIPTOR: _ClassVar[RegistrarError]
    BAD_CERTIFICATE: _ClassVar[RegistrarError]
    MALFORMED: _ClassVar[RegistrarError]
    BAD_CONTRACT: _ClassVar[RegistrarError]
    NOT_A_PARTY: _ClassVar[RegistrarError]
    BAD_VOTE: _ClassVar[RegistrarError]

class LegPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEG_PHASE_UNSPECIFIED: _ClassVar[LegPhase]
    PREPARED: _ClassVar[LegPhase]
    FENCED_LEG: _ClassVar[LegPhase]
    DELIVERED: _ClassVar[LegPhase]
    RETURNED: _ClassVar[LegPhase]
    CLAIMED: _ClassVar[LegPhase]
VETTING_UNSPECIFIED: Vetting
ANYONE: Vetting
LISTED: Vetting
CLOSED: Vetting
CAPABILITY_KIND_UNSPECIFIED: CapabilityKind
ACCOUNT: CapabilityKind
TERMS: CapabilityKind
HOLD: CapabilityKind
VIEW: CapabilityKind
ACCEPT_ONLY: CapabilityKind
REGISTRAR_ERROR_UNSPECIFIED: RegistrarError
INSUFFICIENT_FUNDS: RegistrarError
WRONG_BRAND: RegistrarError
GONE: RegistrarError
LOCKED: RegistrarError
NOT_ALLOWED: RegistrarError
NOT_YET: RegistrarError
FENCED: RegistrarError
BAD_LOT: RegistrarError
BAD_LEG: RegistrarError
POLICY_NOT_ACCEPTED: RegistrarError
LOCK_TOO_LONG: RegistrarError
TOO_LATE: RegistrarError
ABOVE_CEILING: RegistrarError
NOT_VETTED: RegistrarError
QUOTA: RegistrarError
REPEATED_OTHERWISE: RegistrarError
STALE: RegistrarError
BAD_DESCRIPTOR: RegistrarError
BAD_CERTIFICATE: RegistrarError
MALFORMED: RegistrarError
BAD_CONTRACT: RegistrarError
NOT_A_PARTY: RegistrarError
BAD_VOTE: RegistrarError
LEG_PHASE_UNSPECIFIED: LegPhase
PREPARED: LegPhase
FENCED_LEG: LegPhase
DELIVERED: LegPhase
RETURNED: LegPhase
CLAIMED: LegPhase

class Right(_message.Message):
    __slots__ = ("brand", "registrar", "type", "attributes", "supply", "fee", "open_terms", "vetting", "policies", "longest_lock_us", "sequence")
    BRAND_FIELD_NUMBER: _ClassVar[int]
    REGISTRAR_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    SUPPLY_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    OPEN_TERMS_FIELD_NUMBER: _ClassVar[int]
    VETTING_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    LONGEST_LOCK_US_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    brand: _types_pb2.Brand
    registrar: bytes
    type: str
    attributes: str
    supply: int
    fee: _types_pb2.Fee
    open_terms: bool
    vetting: Vetting
    policies: _containers.RepeatedCompositeFieldContainer[_types_pb2.RegistryPolicy]
    longest_lock_us: int
    sequence: int
    def __init__(self, brand: _Optional[_Union[_types_pb2.Brand, _Mapping]] = ..., registrar: _Optional[bytes] = ..., type: _Optional[str] = ..., attributes: _Optional[str] = ..., supply: _Optional[int] = ..., fee: _Optional[_Union[_types_pb2.Fee, _Mapping]] = ..., open_terms: _Optional[bool] = ..., vetting: _Optional[_Union[Vetting, str]] = ..., policies: _Optional[_Iterable[_Union[_types_pb2.RegistryPolicy, _Mapping]]] = ..., longest_lock_us: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("brands", "type", "attributes", "after")
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    brands: _containers.RepeatedScalarFieldContainer[bytes]
    type: str
    attributes: str
    after: bytes
    def __init__(self, brands: _Optional[_Iterable[bytes]] = ..., type: _Optional[str] = ..., attributes: _Optional[str] = ..., after: _Optional[bytes] = ...) -> None: ...

class DescribeReply(_message.Message):
    __slots__ = ("rights", "more")
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    rights: _containers.RepeatedCompositeFieldContainer[_types_pb2.Envelope]
    more: bool
    def __init__(self, rights: _Optional[_Iterable[_Union[_types_pb2.Envelope, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class RightLeg(_message.Message):
    __slots__ = ("registrar", "source", "destination")
    REGISTRAR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    registrar: bytes
    source: bytes
    destination: bytes
    def __init__(self, registrar: _Optional[bytes] = ..., source: _Optional[bytes] = ..., destination: _Optional[bytes] = ...) -> None: ...

class MoneyLeg(_message.Message):
    __slots__ = ("payer", "payee")
    PAYER_FIELD_NUMBER: _ClassVar[int]
    PAYEE_FIELD_NUMBER: _ClassVar[int]
    payer: bytes
    payee: bytes
    def __init__(self, payer: _Optional[bytes] = ..., payee: _Optional[bytes] = ...) -> None: ...

class Leg(_message.Message):
    __slots__ = ("no", "brand", "amount", "from_seat", "to_seat", "right", "money", "fee_max")
    NO_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    FROM_SEAT_FIELD_NUMBER: _ClassVar[int]
    TO_SEAT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    MONEY_FIELD_NUMBER: _ClassVar[int]
    FEE_MAX_FIELD_NUMBER: _ClassVar[int]
    no: int
    brand: bytes
    amount: int
    from_seat: str
    to_seat: str
    right: RightLeg
    money: MoneyLeg
    fee_max: int
    def __init__(self, no: _Optional[int] = ..., brand: _Optional[bytes] = ..., amount: _Optional[int] = ..., from_seat: _Optional[str] = ..., to_seat: _Optional[str] = ..., right: _Optional[_Union[RightLeg, _Mapping]] = ..., money: _Optional[_Union[MoneyLeg, _Mapping]] = ..., fee_max: _Optional[int] = ...) -> None: ...

class SeatTerms(_message.Message):
    __slots__ = ("seat", "party", "key")
    SEAT_FIELD_NUMBER: _ClassVar[int]
    PARTY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    seat: str
    party: bytes
    key: bytes
    def __init__(self, seat: _Optional[str] = ..., party: _Optional[bytes] = ..., key: _Optional[bytes] = ...) -> None: ...

class TermsLeaf(_message.Message):
    __slots__ = ("leg", "seat", "order")
    LEG_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    leg: Leg
    seat: SeatTerms
    order: bytes
    def __init__(self, leg: _Optional[_Union[Leg, _Mapping]] = ..., seat: _Optional[_Union[SeatTerms, _Mapping]] = ..., order: _Optional[bytes] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("salt", "leaf", "index", "size", "path")
    SALT_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    leaf: bytes
    index: int
    size: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, salt: _Optional[bytes] = ..., leaf: _Optional[bytes] = ..., index: _Optional[int] = ..., size: _Optional[int] = ..., path: _Optional[_Iterable[bytes]] = ...) -> None: ...

class LegPromise(_message.Message):
    __slots__ = ("commit_id", "leg", "net", "fee", "to", "registrar")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    LEG_FIELD_NUMBER: _ClassVar[int]
    NET_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    REGISTRAR_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    leg: Leg
    net: int
    fee: int
    to: bytes
    registrar: bytes
    def __init__(self, commit_id: _Optional[bytes] = ..., leg: _Optional[_Union[Leg, _Mapping]] = ..., net: _Optional[int] = ..., fee: _Optional[int] = ..., to: _Optional[bytes] = ..., registrar: _Optional[bytes] = ...) -> None: ...

class Arg(_message.Message):
    __slots__ = ("capability", "result_of")
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    RESULT_OF_FIELD_NUMBER: _ClassVar[int]
    capability: bytes
    result_of: int
    def __init__(self, capability: _Optional[bytes] = ..., result_of: _Optional[int] = ...) -> None: ...

class Offer(_message.Message):
    __slots__ = ("account", "amount", "new_hold", "only_for")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    NEW_HOLD_FIELD_NUMBER: _ClassVar[int]
    ONLY_FOR_FIELD_NUMBER: _ClassVar[int]
    account: Arg
    amount: int
    new_hold: bytes
    only_for: bytes
    def __init__(self, account: _Optional[_Union[Arg, _Mapping]] = ..., amount: _Optional[int] = ..., new_hold: _Optional[bytes] = ..., only_for: _Optional[bytes] = ...) -> None: ...

class Accept(_message.Message):
    __slots__ = ("account", "new_hold", "only_for", "up_to")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    NEW_HOLD_FIELD_NUMBER: _ClassVar[int]
    ONLY_FOR_FIELD_NUMBER: _ClassVar[int]
    UP_TO_FIELD_NUMBER: _ClassVar[int]
    account: Arg
    new_hold: bytes
    only_for: bytes
    up_to: int
    def __init__(self, account: _Optional[_Union[Arg, _Mapping]] = ..., new_hold: _Optional[bytes] = ..., only_for: _Optional[bytes] = ..., up_to: _Optional[int] = ...) -> None: ...

class Refund(_message.Message):
    __slots__ = ("account", "hold")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    account: Arg
    hold: Arg
    def __init__(self, account: _Optional[_Union[Arg, _Mapping]] = ..., hold: _Optional[_Union[Arg, _Mapping]] = ...) -> None: ...

class Transfer(_message.Message):
    __slots__ = ("terms", "source", "destination")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    terms: Arg
    source: Arg
    destination: Arg
    def __init__(self, terms: _Optional[_Union[Arg, _Mapping]] = ..., source: _Optional[_Union[Arg, _Mapping]] = ..., destination: _Optional[_Union[Arg, _Mapping]] = ...) -> None: ...

class Prepare(_message.Message):
    __slots__ = ("terms", "source", "destination", "descriptor", "leg")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    LEG_FIELD_NUMBER: _ClassVar[int]
    terms: Arg
    source: Arg
    destination: Arg
    descriptor: bytes
    leg: Opening
    def __init__(self, terms: _Optional[_Union[Arg, _Mapping]] = ..., source: _Optional[_Union[Arg, _Mapping]] = ..., destination: _Optional[_Union[Arg, _Mapping]] = ..., descriptor: _Optional[bytes] = ..., leg: _Optional[_Union[Opening, _Mapping]] = ...) -> None: ...

class Settle(_message.Message):
    __slots__ = ("commit", "abort")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    commit: _types_pb2.CommitCertificate
    abort: _types_pb2.AbortCertificate
    def __init__(self, commit: _Optional[_Union[_types_pb2.CommitCertificate, _Mapping]] = ..., abort: _Optional[_Union[_types_pb2.AbortCertificate, _Mapping]] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("source", "descriptor", "leg")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    LEG_FIELD_NUMBER: _ClassVar[int]
    source: Arg
    descriptor: bytes
    leg: Opening
    def __init__(self, source: _Optional[_Union[Arg, _Mapping]] = ..., descriptor: _Optional[bytes] = ..., leg: _Optional[_Union[Opening, _Mapping]] = ...) -> None: ...

class Look(_message.Message):
    __slots__ = ("capability",)
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    capability: Arg
    def __init__(self, capability: _Optional[_Union[Arg, _Mapping]] = ...) -> None: ...

class Attenuate(_message.Message):
    __slots__ = ("capability", "kind", "new_capability")
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NEW_CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    capability: Arg
    kind: CapabilityKind
    new_capability: bytes
    def __init__(self, capability: _Optional[_Union[Arg, _Mapping]] = ..., kind: _Optional[_Union[CapabilityKind, str]] = ..., new_capability: _Optional[bytes] = ...) -> None: ...

class Revoke(_message.Message):
    __slots__ = ("account", "capability_hash")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_HASH_FIELD_NUMBER: _ClassVar[int]
    account: Arg
    capability_hash: bytes
    def __init__(self, account: _Optional[_Union[Arg, _Mapping]] = ..., capability_hash: _Optional[bytes] = ...) -> None: ...

class OpenPool(_message.Message):
    __slots__ = ("contract", "agreement")
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    contract: bytes
    agreement: bytes
    def __init__(self, contract: _Optional[bytes] = ..., agreement: _Optional[bytes] = ...) -> None: ...

class Stake(_message.Message):
    __slots__ = ("terms", "source", "pool", "descriptor", "leg", "order")
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    LEG_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    terms: Arg
    source: Arg
    pool: bytes
    descriptor: bytes
    leg: Opening
    order: Opening
    def __init__(self, terms: _Optional[_Union[Arg, _Mapping]] = ..., source: _Optional[_Union[Arg, _Mapping]] = ..., pool: _Optional[bytes] = ..., descriptor: _Optional[bytes] = ..., leg: _Optional[_Union[Opening, _Mapping]] = ..., order: _Optional[_Union[Opening, _Mapping]] = ...) -> None: ...

class SealVote(_message.Message):
    __slots__ = ("pool", "hash")
    POOL_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    pool: bytes
    hash: bytes
    def __init__(self, pool: _Optional[bytes] = ..., hash: _Optional[bytes] = ...) -> None: ...

class OpenVote(_message.Message):
    __slots__ = ("pool", "vote")
    POOL_FIELD_NUMBER: _ClassVar[int]
    VOTE_FIELD_NUMBER: _ClassVar[int]
    pool: bytes
    vote: _types_pb2.Envelope
    def __init__(self, pool: _Optional[bytes] = ..., vote: _Optional[_Union[_types_pb2.Envelope, _Mapping]] = ...) -> None: ...

class Advertise(_message.Message):
    __slots__ = ("offer",)
    OFFER_FIELD_NUMBER: _ClassVar[int]
    offer: _types_pb2.Envelope
    def __init__(self, offer: _Optional[_Union[_types_pb2.Envelope, _Mapping]] = ...) -> None: ...

class RatingsRequest(_message.Message):
    __slots__ = ("brand", "agent", "after")
    BRAND_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    brand: bytes
    agent: bytes
    after: int
    def __init__(self, brand: _Optional[bytes] = ..., agent: _Optional[bytes] = ..., after: _Optional[int] = ...) -> None: ...

class RatingsReply(_message.Message):
    __slots__ = ("entries", "more")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[_types_pb2.Envelope]
    more: bool
    def __init__(self, entries: _Optional[_Iterable[_Union[_types_pb2.Envelope, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class AgentsRequest(_message.Message):
    __slots__ = ("brand", "after")
    BRAND_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    brand: bytes
    after: bytes
    def __init__(self, brand: _Optional[bytes] = ..., after: _Optional[bytes] = ...) -> None: ...

class AgentsReply(_message.Message):
    __slots__ = ("offers", "more")
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    offers: _containers.RepeatedCompositeFieldContainer[_types_pb2.Envelope]
    more: bool
    def __init__(self, offers: _Optional[_Iterable[_Union[_types_pb2.Envelope, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class Op(_message.Message):
    __slots__ = ("offer", "accept", "refund", "transfer", "prepare", "settle", "cancel", "look", "attenuate", "revoke", "open_pool", "stake", "seal_vote", "open_vote", "advertise")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    REFUND_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    PREPARE_FIELD_NUMBER: _ClassVar[int]
    SETTLE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    LOOK_FIELD_NUMBER: _ClassVar[int]
    ATTENUATE_FIELD_NUMBER: _ClassVar[int]
    REVOKE_FIELD_NUMBER: _ClassVar[int]
    OPEN_POOL_FIELD_NUMBER: _ClassVar[int]
    STAKE_FIELD_NUMBER: _ClassVar[int]
    SEAL_VOTE_FIELD_NUMBER: _ClassVar[int]
    OPEN_VOTE_FIELD_NUMBER: _ClassVar[int]
    ADVERTISE_FIELD_NUMBER: _ClassVar[int]
    offer: Offer
    accept: Accept
    refund: Refund
    transfer: Transfer
    prepare: Prepare
    settle: Settle
    cancel: Cancel
    look: Look
    attenuate: Attenuate
    revoke: Revoke
    open_pool: OpenPool
    stake: Stake
    seal_vote: SealVote
    open_vote: OpenVote
    advertise: Advertise
    def __init__(self, offer: _Optional[_Union[Offer, _Mapping]] = ..., accept: _Optional[_Union[Accept, _Mapping]] = ..., refund: _Optional[_Union[Refund, _Mapping]] = ..., transfer: _Optional[_Union[Transfer, _Mapping]] = ..., prepare: _Optional[_Union[Prepare, _Mapping]] = ..., settle: _Optional[_Union[Settle, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., look: _Optional[_Union[Look, _Mapping]] = ..., attenuate: _Optional[_Union[Attenuate, _Mapping]] = ..., revoke: _Optional[_Union[Revoke, _Mapping]] = ..., open_pool: _Optional[_Union[OpenPool, _Mapping]] = ..., stake: _Optional[_Union[Stake, _Mapping]] = ..., seal_vote: _Optional[_Union[SealVote, _Mapping]] = ..., open_vote: _Optional[_Union[OpenVote, _Mapping]] = ..., advertise: _Optional[_Union[Advertise, _Mapping]] = ...) -> None: ...

class OpBatch(_message.Message):
    __slots__ = ("sender", "receiver", "id", "sent_at_us", "ops")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_US_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    sender: bytes
    receiver: bytes
    id: bytes
    sent_at_us: int
    ops: _containers.RepeatedCompositeFieldContainer[Op]
    def __init__(self, sender: _Optional[bytes] = ..., receiver: _Optional[bytes] = ..., id: _Optional[bytes] = ..., sent_at_us: _Optional[int] = ..., ops: _Optional[_Iterable[_Union[Op, _Mapping]]] = ...) -> None: ...

class OpenAccount(_message.Message):
    __slots__ = ("sender", "receiver", "id", "sent_at_us", "brand", "new_account", "new_terms", "label")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_US_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    NEW_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    NEW_TERMS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    sender: bytes
    receiver: bytes
    id: bytes
    sent_at_us: int
    brand: bytes
    new_account: bytes
    new_terms: bytes
    label: bytes
    def __init__(self, sender: _Optional[bytes] = ..., receiver: _Optional[bytes] = ..., id: _Optional[bytes] = ..., sent_at_us: _Optional[int] = ..., brand: _Optional[bytes] = ..., new_account: _Optional[bytes] = ..., new_terms: _Optional[bytes] = ..., label: _Optional[bytes] = ...) -> None: ...

class OpResult(_message.Message):
    __slots__ = ("capability_hash", "amount", "brand", "account", "promise", "legs", "kind")
    CAPABILITY_HASH_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    LEGS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    capability_hash: bytes
    amount: int
    brand: bytes
    account: bytes
    promise: bytes
    legs: _containers.RepeatedCompositeFieldContainer[LegState]
    kind: CapabilityKind
    def __init__(self, capability_hash: _Optional[bytes] = ..., amount: _Optional[int] = ..., brand: _Optional[bytes] = ..., account: _Optional[bytes] = ..., promise: _Optional[bytes] = ..., legs: _Optional[_Iterable[_Union[LegState, _Mapping]]] = ..., kind: _Optional[_Union[CapabilityKind, str]] = ...) -> None: ...

class OpRefusal(_message.Message):
    __slots__ = ("index", "error", "figure")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    index: int
    error: RegistrarError
    figure: int
    def __init__(self, index: _Optional[int] = ..., error: _Optional[_Union[RegistrarError, str]] = ..., figure: _Optional[int] = ...) -> None: ...

class BatchReply(_message.Message):
    __slots__ = ("sender", "receiver", "id", "results", "refusal")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    sender: bytes
    receiver: bytes
    id: bytes
    results: _containers.RepeatedCompositeFieldContainer[OpResult]
    refusal: OpRefusal
    def __init__(self, sender: _Optional[bytes] = ..., receiver: _Optional[bytes] = ..., id: _Optional[bytes] = ..., results: _Optional[_Iterable[_Union[OpResult, _Mapping]]] = ..., refusal: _Optional[_Union[OpRefusal, _Mapping]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("right", "account", "capability", "terms", "card")
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    right: _types_pb2.Envelope
    account: bytes
    capability: bytes
    terms: bytes
    card: str
    def __init__(self, right: _Optional[_Union[_types_pb2.Envelope, _Mapping]] = ..., account: _Optional[bytes] = ..., capability: _Optional[bytes] = ..., terms: _Optional[bytes] = ..., card: _Optional[str] = ...) -> None: ...

class SealedGrant(_message.Message):
    __slots__ = ("registrar", "owner", "ephemeral", "sealed")
    REGISTRAR_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    EPHEMERAL_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    registrar: bytes
    owner: bytes
    ephemeral: bytes
    sealed: bytes
    def __init__(self, registrar: _Optional[bytes] = ..., owner: _Optional[bytes] = ..., ephemeral: _Optional[bytes] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class LegState(_message.Message):
    __slots__ = ("commit_id", "no", "phase", "promise")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    NO_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    no: int
    phase: LegPhase
    promise: bytes
    def __init__(self, commit_id: _Optional[bytes] = ..., no: _Optional[int] = ..., phase: _Optional[_Union[LegPhase, str]] = ..., promise: _Optional[bytes] = ...) -> None: ...

class WatchLegsRequest(_message.Message):
    __slots__ = ("commit_ids",)
    COMMIT_IDS_FIELD_NUMBER: _ClassVar[int]
    commit_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, commit_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ProposedSeat(_message.Message):
    __slots__ = ("seat", "card")
    SEAT_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    seat: str
    card: str
    def __init__(self, seat: _Optional[str] = ..., card: _Optional[str] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("version", "salt", "initiator", "template", "instance", "rights", "seats", "legs", "within_us", "policies", "coordinators", "created_at_us", "expires_at_us", "decline_hash", "note", "initiator_card", "registrars")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_FIELD_NUMBER: _ClassVar[int]
    SEATS_FIELD_NUMBER: _ClassVar[int]
    LEGS_FIELD_NUMBER: _ClassVar[int]
    WITHIN_US_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    COORDINATORS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    DECLINE_HASH_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_CARD_FIELD_NUMBER: _ClassVar[int]
    REGISTRARS_FIELD_NUMBER: _ClassVar[int]
    version: int
    salt: bytes
    initiator: bytes
    template: bytes
    instance: bytes
    rights: _containers.RepeatedCompositeFieldContainer[_types_pb2.Envelope]
    seats: _containers.RepeatedCompositeFieldContainer[ProposedSeat]
    legs: _containers.RepeatedCompositeFieldContainer[Leg]
    within_us: int
    policies: _containers.RepeatedCompositeFieldContainer[_types_pb2.RegistryPolicy]
    coordinators: _containers.RepeatedScalarFieldContainer[str]
    created_at_us: int
    expires_at_us: int
    decline_hash: bytes
    note: str
    initiator_card: str
    registrars: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[int] = ..., salt: _Optional[bytes] = ..., initiator: _Optional[bytes] = ..., template: _Optional[bytes] = ..., instance: _Optional[bytes] = ..., rights: _Optional[_Iterable[_Union[_types_pb2.Envelope, _Mapping]]] = ..., seats: _Optional[_Iterable[_Union[ProposedSeat, _Mapping]]] = ..., legs: _Optional[_Iterable[_Union[Leg, _Mapping]]] = ..., within_us: _Optional[int] = ..., policies: _Optional[_Iterable[_Union[_types_pb2.RegistryPolicy, _Mapping]]] = ..., coordinators: _Optional[_Iterable[str]] = ..., created_at_us: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., decline_hash: _Optional[bytes] = ..., note: _Optional[str] = ..., initiator_card: _Optional[str] = ..., registrars: _Optional[_Iterable[str]] = ...) -> None: ...

class LegAccount(_message.Message):
    __slots__ = ("no", "account")
    NO_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    no: int
    account: bytes
    def __init__(self, no: _Optional[int] = ..., account: _Optional[bytes] = ...) -> None: ...

class Invite(_message.Message):
    __slots__ = ("proposal", "seat")
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    proposal: bytes
    seat: str
    def __init__(self, proposal: _Optional[bytes] = ..., seat: _Optional[str] = ...) -> None: ...

class Join(_message.Message):
    __slots__ = ("proposal_id", "seat", "key", "accounts", "policies", "wants")
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    WANTS_FIELD_NUMBER: _ClassVar[int]
    proposal_id: bytes
    seat: str
    key: bytes
    accounts: _containers.RepeatedCompositeFieldContainer[LegAccount]
    policies: _containers.RepeatedCompositeFieldContainer[_types_pb2.RegistryPolicy]
    wants: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, proposal_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., key: _Optional[bytes] = ..., accounts: _Optional[_Iterable[_Union[LegAccount, _Mapping]]] = ..., policies: _Optional[_Iterable[_Union[_types_pb2.RegistryPolicy, _Mapping]]] = ..., wants: _Optional[_Iterable[int]] = ...) -> None: ...

class Withdraw(_message.Message):
    __slots__ = ("proposal_id", "seat", "why")
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    proposal_id: bytes
    seat: str
    why: int
    def __init__(self, proposal_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., why: _Optional[int] = ...) -> None: ...

class Fix(_message.Message):
    __slots__ = ("proposal_id", "seat", "descriptor", "openings", "coordinator", "joins")
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    OPENINGS_FIELD_NUMBER: _ClassVar[int]
    COORDINATOR_FIELD_NUMBER: _ClassVar[int]
    JOINS_FIELD_NUMBER: _ClassVar[int]
    proposal_id: bytes
    seat: str
    descriptor: bytes
    openings: _containers.RepeatedCompositeFieldContainer[Opening]
    coordinator: str
    joins: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, proposal_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., descriptor: _Optional[bytes] = ..., openings: _Optional[_Iterable[_Union[Opening, _Mapping]]] = ..., coordinator: _Optional[str] = ..., joins: _Optional[_Iterable[bytes]] = ...) -> None: ...

class LegAccept(_message.Message):
    __slots__ = ("no", "hold", "request")
    NO_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    no: int
    hold: bytes
    request: bytes
    def __init__(self, no: _Optional[int] = ..., hold: _Optional[bytes] = ..., request: _Optional[bytes] = ...) -> None: ...

class LegsAccepted(_message.Message):
    __slots__ = ("commit_id", "seat", "legs")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    LEGS_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    seat: str
    legs: _containers.RepeatedCompositeFieldContainer[LegAccept]
    def __init__(self, commit_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., legs: _Optional[_Iterable[_Union[LegAccept, _Mapping]]] = ...) -> None: ...

class Give(_message.Message):
    __slots__ = ("commit_id", "seat", "legs")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    LEGS_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    seat: str
    legs: _containers.RepeatedCompositeFieldContainer[LegAccept]
    def __init__(self, commit_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., legs: _Optional[_Iterable[_Union[LegAccept, _Mapping]]] = ...) -> None: ...

class Given(_message.Message):
    __slots__ = ("commit_id", "seat", "no", "promise", "why", "hold")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    NO_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    seat: str
    no: int
    promise: bytes
    why: int
    hold: bytes
    def __init__(self, commit_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., no: _Optional[int] = ..., promise: _Optional[bytes] = ..., why: _Optional[int] = ..., hold: _Optional[bytes] = ...) -> None: ...

class Receive(_message.Message):
    __slots__ = ("commit_id", "seat", "promises")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    PROMISES_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    seat: str
    promises: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, commit_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., promises: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Share(_message.Message):
    __slots__ = ("commit_id", "seat", "share")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    seat: str
    share: _types_pb2.Signature
    def __init__(self, commit_id: _Optional[bytes] = ..., seat: _Optional[str] = ..., share: _Optional[_Union[_types_pb2.Signature, _Mapping]] = ...) -> None: ...

class Decided(_message.Message):
    __slots__ = ("commit_id", "commit", "abort")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    commit: _types_pb2.CommitCertificate
    abort: _types_pb2.AbortCertificate
    def __init__(self, commit_id: _Optional[bytes] = ..., commit: _Optional[_Union[_types_pb2.CommitCertificate, _Mapping]] = ..., abort: _Optional[_Union[_types_pb2.AbortCertificate, _Mapping]] = ...) -> None: ...

class Dossier(_message.Message):
    __slots__ = ("proposal", "descriptor", "openings", "decline_preimage", "joins")
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    OPENINGS_FIELD_NUMBER: _ClassVar[int]
    DECLINE_PREIMAGE_FIELD_NUMBER: _ClassVar[int]
    JOINS_FIELD_NUMBER: _ClassVar[int]
    proposal: bytes
    descriptor: bytes
    openings: _containers.RepeatedCompositeFieldContainer[Opening]
    decline_preimage: bytes
    joins: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, proposal: _Optional[bytes] = ..., descriptor: _Optional[bytes] = ..., openings: _Optional[_Iterable[_Union[Opening, _Mapping]]] = ..., decline_preimage: _Optional[bytes] = ..., joins: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Letter(_message.Message):
    __slots__ = ("sender", "receiver", "sent_at_us", "invite", "join", "withdraw", "fix", "accepted", "give", "given", "receive", "share", "decided", "dossier", "sale")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_US_FIELD_NUMBER: _ClassVar[int]
    INVITE_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    GIVE_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    DECIDED_FIELD_NUMBER: _ClassVar[int]
    DOSSIER_FIELD_NUMBER: _ClassVar[int]
    SALE_FIELD_NUMBER: _ClassVar[int]
    sender: bytes
    receiver: bytes
    sent_at_us: int
    invite: Invite
    join: Join
    withdraw: Withdraw
    fix: Fix
    accepted: LegsAccepted
    give: Give
    given: Given
    receive: Receive
    share: Share
    decided: Decided
    dossier: Dossier
    sale: bytes
    def __init__(self, sender: _Optional[bytes] = ..., receiver: _Optional[bytes] = ..., sent_at_us: _Optional[int] = ..., invite: _Optional[_Union[Invite, _Mapping]] = ..., join: _Optional[_Union[Join, _Mapping]] = ..., withdraw: _Optional[_Union[Withdraw, _Mapping]] = ..., fix: _Optional[_Union[Fix, _Mapping]] = ..., accepted: _Optional[_Union[LegsAccepted, _Mapping]] = ..., give: _Optional[_Union[Give, _Mapping]] = ..., given: _Optional[_Union[Given, _Mapping]] = ..., receive: _Optional[_Union[Receive, _Mapping]] = ..., share: _Optional[_Union[Share, _Mapping]] = ..., decided: _Optional[_Union[Decided, _Mapping]] = ..., dossier: _Optional[_Union[Dossier, _Mapping]] = ..., sale: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("sender", "receiver", "letter")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    LETTER_FIELD_NUMBER: _ClassVar[int]
    sender: bytes
    receiver: bytes
    letter: bytes
    def __init__(self, sender: _Optional[bytes] = ..., receiver: _Optional[bytes] = ..., letter: _Optional[bytes] = ...) -> None: ...
