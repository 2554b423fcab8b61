from proto.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Approval(_message.Message):
    __slots__ = ("request_hash", "payer_account", "brand", "total_debit_max", "fee_max", "first_levels", "policies", "valid_until_us", "approval_id", "attempts_max", "rp_id")
    REQUEST_HASH_FIELD_NUMBER: _ClassVar[int]
    PAYER_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    TOTAL_DEBIT_MAX_FIELD_NUMBER: _ClassVar[int]
    FEE_MAX_FIELD_NUMBER: _ClassVar[int]
    FIRST_LEVELS_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_MAX_FIELD_NUMBER: _ClassVar[int]
    RP_ID_FIELD_NUMBER: _ClassVar[int]
    request_hash: bytes
    payer_account: bytes
    brand: bytes
    total_debit_max: int
    fee_max: int
    first_levels: _containers.RepeatedScalarFieldContainer[int]
    policies: _containers.RepeatedScalarFieldContainer[bytes]
    valid_until_us: int
    approval_id: bytes
    attempts_max: int
    rp_id: str
    def __init__(self, request_hash: _Optional[bytes] = ..., payer_account: _Optional[bytes] = ..., brand: _Optional[bytes] = ..., total_debit_max: _Optional[int] = ..., fee_max: _Optional[int] = ..., first_levels: _Optional[_Iterable[int]] = ..., policies: _Optional[_Iterable[bytes]] = ..., valid_until_us: _Optional[int] = ..., approval_id: _Optional[bytes] = ..., attempts_max: _Optional[int] = ..., rp_id: _Optional[str] = ...) -> None: ...

class PasskeyProof(_message.Message):
    __slots__ = ("credential", "public_key", "authenticator_data", "client_data", "signature", "origin")
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATOR_DATA_FIELD_NUMBER: _ClassVar[int]
    CLIENT_DATA_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    credential: bytes
    public_key: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes
    origin: str
    def __init__(self, credential: _Optional[bytes] = ..., public_key: _Optional[bytes] = ..., authenticator_data: _Optional[bytes] = ..., client_data: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., origin: _Optional[str] = ...) -> None: ...

class Approved(_message.Message):
    __slots__ = ("approval", "passkey", "key", "mandate")
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MANDATE_FIELD_NUMBER: _ClassVar[int]
    approval: bytes
    passkey: PasskeyProof
    key: _types_pb2.Signature
    mandate: bytes
    def __init__(self, approval: _Optional[bytes] = ..., passkey: _Optional[_Union[PasskeyProof, _Mapping]] = ..., key: _Optional[_Union[_types_pb2.Signature, _Mapping]] = ..., mandate: _Optional[bytes] = ...) -> None: ...

class PaymentReceipt(_message.Message):
    __slots__ = ("request", "descriptor", "certificate", "commit", "booking", "amount", "approved", "openings", "leg_request")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    BOOKING_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    OPENINGS_FIELD_NUMBER: _ClassVar[int]
    LEG_REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    descriptor: bytes
    certificate: bytes
    commit: bytes
    booking: bytes
    amount: int
    approved: bytes
    openings: _containers.RepeatedScalarFieldContainer[bytes]
    leg_request: bytes
    def __init__(self, request: _Optional[bytes] = ..., descriptor: _Optional[bytes] = ..., certificate: _Optional[bytes] = ..., commit: _Optional[bytes] = ..., booking: _Optional[bytes] = ..., amount: _Optional[int] = ..., approved: _Optional[bytes] = ..., openings: _Optional[_Iterable[bytes]] = ..., leg_request: _Optional[bytes] = ...) -> None: ...

class Submission(_message.Message):
    __slots__ = ("request", "payer", "nonce", "state", "sent_at_us", "audience")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    PAYER_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_US_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    payer: str
    nonce: bytes
    state: str
    sent_at_us: int
    audience: bytes
    def __init__(self, request: _Optional[bytes] = ..., payer: _Optional[str] = ..., nonce: _Optional[bytes] = ..., state: _Optional[str] = ..., sent_at_us: _Optional[int] = ..., audience: _Optional[bytes] = ...) -> None: ...

class DomainProof(_message.Message):
    __slots__ = ("node", "domain", "until_us")
    NODE_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    domain: str
    until_us: int
    def __init__(self, node: _Optional[bytes] = ..., domain: _Optional[str] = ..., until_us: _Optional[int] = ...) -> None: ...
