from proto.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Frame(_message.Message):
    __slots__ = ("hello", "batch", "gossip", "goodbye")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    GOSSIP_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    batch: Batch
    gossip: Gossip
    goodbye: Goodbye
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., gossip: _Optional[_Union[Gossip, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("binding", "signature", "have", "sent", "gossip")
    BINDING_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    GOSSIP_FIELD_NUMBER: _ClassVar[int]
    binding: bytes
    signature: _types_pb2.Signature
    have: int
    sent: int
    gossip: int
    def __init__(self, binding: _Optional[bytes] = ..., signature: _Optional[_Union[_types_pb2.Signature, _Mapping]] = ..., have: _Optional[int] = ..., sent: _Optional[int] = ..., gossip: _Optional[int] = ...) -> None: ...

class Binding(_message.Message):
    __slots__ = ("node", "peer", "spki_sha256", "peer_spki_sha256", "not_after_us", "protocol_version")
    NODE_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    SPKI_SHA256_FIELD_NUMBER: _ClassVar[int]
    PEER_SPKI_SHA256_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    peer: bytes
    spki_sha256: bytes
    peer_spki_sha256: bytes
    not_after_us: int
    protocol_version: str
    def __init__(self, node: _Optional[bytes] = ..., peer: _Optional[bytes] = ..., spki_sha256: _Optional[bytes] = ..., peer_spki_sha256: _Optional[bytes] = ..., not_after_us: _Optional[int] = ..., protocol_version: _Optional[str] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("first", "envelopes", "ack")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    ENVELOPES_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    first: int
    envelopes: _containers.RepeatedScalarFieldContainer[bytes]
    ack: int
    def __init__(self, first: _Optional[int] = ..., envelopes: _Optional[_Iterable[bytes]] = ..., ack: _Optional[int] = ...) -> None: ...

class Gossip(_message.Message):
    __slots__ = ("adverts", "sync")
    ADVERTS_FIELD_NUMBER: _ClassVar[int]
    SYNC_FIELD_NUMBER: _ClassVar[int]
    adverts: _containers.RepeatedScalarFieldContainer[bytes]
    sync: bytes
    def __init__(self, adverts: _Optional[_Iterable[bytes]] = ..., sync: _Optional[bytes] = ...) -> None: ...

class GossipSync(_message.Message):
    __slots__ = ("turn", "full", "looks", "wants", "answer", "sights", "served")
    TURN_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    LOOKS_FIELD_NUMBER: _ClassVar[int]
    WANTS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SIGHTS_FIELD_NUMBER: _ClassVar[int]
    SERVED_FIELD_NUMBER: _ClassVar[int]
    turn: int
    full: bool
    looks: _containers.RepeatedCompositeFieldContainer[GossipLook]
    wants: _containers.RepeatedScalarFieldContainer[bytes]
    answer: bool
    sights: _containers.RepeatedCompositeFieldContainer[GossipSight]
    served: int
    def __init__(self, turn: _Optional[int] = ..., full: _Optional[bool] = ..., looks: _Optional[_Iterable[_Union[GossipLook, _Mapping]]] = ..., wants: _Optional[_Iterable[bytes]] = ..., answer: _Optional[bool] = ..., sights: _Optional[_Iterable[_Union[GossipSight, _Mapping]]] = ..., served: _Optional[int] = ...) -> None: ...

class GossipLook(_message.Message):
    __slots__ = ("prefix", "digest", "give")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    GIVE_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    digest: bytes
    give: bool
    def __init__(self, prefix: _Optional[str] = ..., digest: _Optional[bytes] = ..., give: _Optional[bool] = ...) -> None: ...

class GossipSight(_message.Message):
    __slots__ = ("children", "items", "listed")
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    LISTED_FIELD_NUMBER: _ClassVar[int]
    children: bytes
    items: bytes
    listed: bool
    def __init__(self, children: _Optional[bytes] = ..., items: _Optional[bytes] = ..., listed: _Optional[bool] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("cause",)
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    cause: int
    def __init__(self, cause: _Optional[int] = ...) -> None: ...

class NodeMessage(_message.Message):
    __slots__ = ("sender", "receiver", "line_offer", "line_accept", "line_limit", "line_close", "line_state", "promise", "accepted", "refuse", "abandon", "release", "claim", "redeemed", "passed", "denied")
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    LINE_OFFER_FIELD_NUMBER: _ClassVar[int]
    LINE_ACCEPT_FIELD_NUMBER: _ClassVar[int]
    LINE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    LINE_CLOSE_FIELD_NUMBER: _ClassVar[int]
    LINE_STATE_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REFUSE_FIELD_NUMBER: _ClassVar[int]
    ABANDON_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    REDEEMED_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    DENIED_FIELD_NUMBER: _ClassVar[int]
    sender: bytes
    receiver: bytes
    line_offer: LineOffer
    line_accept: LineAccept
    line_limit: LineLimit
    line_close: LineClose
    line_state: LineState
    promise: Promise
    accepted: Accepted
    refuse: Refuse
    abandon: Abandon
    release: Release
    claim: Claim
    redeemed: Redeemed
    passed: Passed
    denied: Denied
    def __init__(self, sender: _Optional[bytes] = ..., receiver: _Optional[bytes] = ..., line_offer: _Optional[_Union[LineOffer, _Mapping]] = ..., line_accept: _Optional[_Union[LineAccept, _Mapping]] = ..., line_limit: _Optional[_Union[LineLimit, _Mapping]] = ..., line_close: _Optional[_Union[LineClose, _Mapping]] = ..., line_state: _Optional[_Union[LineState, _Mapping]] = ..., promise: _Optional[_Union[Promise, _Mapping]] = ..., accepted: _Optional[_Union[Accepted, _Mapping]] = ..., refuse: _Optional[_Union[Refuse, _Mapping]] = ..., abandon: _Optional[_Union[Abandon, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., claim: _Optional[_Union[Claim, _Mapping]] = ..., redeemed: _Optional[_Union[Redeemed, _Mapping]] = ..., passed: _Optional[_Union[Passed, _Mapping]] = ..., denied: _Optional[_Union[Denied, _Mapping]] = ...) -> None: ...

class LineOffer(_message.Message):
    __slots__ = ("line", "brand", "limit")
    LINE_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    line: bytes
    brand: _types_pb2.Brand
    limit: int
    def __init__(self, line: _Optional[bytes] = ..., brand: _Optional[_Union[_types_pb2.Brand, _Mapping]] = ..., limit: _Optional[int] = ...) -> None: ...

class LineAccept(_message.Message):
    __slots__ = ("line", "limit")
    LINE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    line: bytes
    limit: int
    def __init__(self, line: _Optional[bytes] = ..., limit: _Optional[int] = ...) -> None: ...

class LineLimit(_message.Message):
    __slots__ = ("line", "limit", "sequence")
    LINE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    line: bytes
    limit: int
    sequence: int
    def __init__(self, line: _Optional[bytes] = ..., limit: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class LineClose(_message.Message):
    __slots__ = ("line",)
    LINE_FIELD_NUMBER: _ClassVar[int]
    line: bytes
    def __init__(self, line: _Optional[bytes] = ...) -> None: ...

class LineState(_message.Message):
    __slots__ = ("line", "sequence", "total", "pending_hash")
    LINE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PENDING_HASH_FIELD_NUMBER: _ClassVar[int]
    line: bytes
    sequence: int
    total: int
    pending_hash: bytes
    def __init__(self, line: _Optional[bytes] = ..., sequence: _Optional[int] = ..., total: _Optional[int] = ..., pending_hash: _Optional[bytes] = ...) -> None: ...

class Promise(_message.Message):
    __slots__ = ("promise", "line", "descriptor", "amount", "level", "expires_at_us", "packet", "admitted")
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    PACKET_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    line: bytes
    descriptor: bytes
    amount: int
    level: int
    expires_at_us: int
    packet: bytes
    admitted: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, promise: _Optional[bytes] = ..., line: _Optional[bytes] = ..., descriptor: _Optional[bytes] = ..., amount: _Optional[int] = ..., level: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., packet: _Optional[bytes] = ..., admitted: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("promise",)
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    def __init__(self, promise: _Optional[bytes] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("reason", "figure")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    reason: int
    figure: int
    def __init__(self, reason: _Optional[int] = ..., figure: _Optional[int] = ...) -> None: ...

class Refuse(_message.Message):
    __slots__ = ("promise", "refusal")
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    refusal: Refusal
    def __init__(self, promise: _Optional[bytes] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Abandon(_message.Message):
    __slots__ = ("promise",)
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    def __init__(self, promise: _Optional[bytes] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("promise", "because")
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    because: Refusal
    def __init__(self, promise: _Optional[bytes] = ..., because: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("promise", "commit", "certificate")
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    commit: _types_pb2.Commit
    certificate: _types_pb2.CommitCertificate
    def __init__(self, promise: _Optional[bytes] = ..., commit: _Optional[_Union[_types_pb2.Commit, _Mapping]] = ..., certificate: _Optional[_Union[_types_pb2.CommitCertificate, _Mapping]] = ...) -> None: ...

class Denied(_message.Message):
    __slots__ = ("promise", "refusal")
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    refusal: Refusal
    def __init__(self, promise: _Optional[bytes] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Redeemed(_message.Message):
    __slots__ = ("promise", "line", "sequence", "total")
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    line: bytes
    sequence: int
    total: int
    def __init__(self, promise: _Optional[bytes] = ..., line: _Optional[bytes] = ..., sequence: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class Passed(_message.Message):
    __slots__ = ("promise", "certificate")
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    certificate: _types_pb2.AbortCertificate
    def __init__(self, promise: _Optional[bytes] = ..., certificate: _Optional[_Union[_types_pb2.AbortCertificate, _Mapping]] = ...) -> None: ...
