from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    COMMITTED: _ClassVar[Outcome]
    NOT_COMMITTED: _ClassVar[Outcome]

class DecisionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_REASON_UNSPECIFIED: _ClassVar[DecisionReason]
    COMMIT: _ClassVar[DecisionReason]
    DEADLINE: _ClassVar[DecisionReason]
    DECLINED: _ClassVar[DecisionReason]
    EPOCH: _ClassVar[DecisionReason]

class InterimKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INTERIM_KIND_UNSPECIFIED: _ClassVar[InterimKind]
    PENDING: _ClassVar[InterimKind]
    NO_RECORD: _ClassVar[InterimKind]
    ADMITTED: _ClassVar[InterimKind]

class KeyPurpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_PURPOSE_UNSPECIFIED: _ClassVar[KeyPurpose]
    TLS: _ClassVar[KeyPurpose]
    SEAL: _ClassVar[KeyPurpose]
    STATEMENT: _ClassVar[KeyPurpose]
    LOG: _ClassVar[KeyPurpose]

class StatementRelease(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATEMENT_RELEASE_UNSPECIFIED: _ClassVar[StatementRelease]
    LOGGED: _ClassVar[StatementRelease]
    COVERED: _ClassVar[StatementRelease]

class FraudKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FRAUD_KIND_UNSPECIFIED: _ClassVar[FraudKind]
    EQUIVOCATION: _ClassVar[FraudKind]
    INVALID_DECISION: _ClassVar[FraudKind]
    ANSWER_DIFFERS: _ClassVar[FraudKind]
    SPLIT_VIEW: _ClassVar[FraudKind]
    DOUBLE_LEAF: _ClassVar[FraudKind]
    BACK_DATING: _ClassVar[FraudKind]
    WITHHOLDING: _ClassVar[FraudKind]
OUTCOME_UNSPECIFIED: Outcome
COMMITTED: Outcome
NOT_COMMITTED: Outcome
DECISION_REASON_UNSPECIFIED: DecisionReason
COMMIT: DecisionReason
DEADLINE: DecisionReason
DECLINED: DecisionReason
EPOCH: DecisionReason
INTERIM_KIND_UNSPECIFIED: InterimKind
PENDING: InterimKind
NO_RECORD: InterimKind
ADMITTED: InterimKind
KEY_PURPOSE_UNSPECIFIED: KeyPurpose
TLS: KeyPurpose
SEAL: KeyPurpose
STATEMENT: KeyPurpose
LOG: KeyPurpose
STATEMENT_RELEASE_UNSPECIFIED: StatementRelease
LOGGED: StatementRelease
COVERED: StatementRelease
FRAUD_KIND_UNSPECIFIED: FraudKind
EQUIVOCATION: FraudKind
INVALID_DECISION: FraudKind
ANSWER_DIFFERS: FraudKind
SPLIT_VIEW: FraudKind
DOUBLE_LEAF: FraudKind
BACK_DATING: FraudKind
WITHHOLDING: FraudKind

class Signature(_message.Message):
    __slots__ = ("key", "signature", "index", "size", "path")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    signature: bytes
    index: int
    size: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., index: _Optional[int] = ..., size: _Optional[int] = ..., path: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("type", "payload", "signature")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    type: str
    payload: bytes
    signature: Signature
    def __init__(self, type: _Optional[str] = ..., payload: _Optional[bytes] = ..., signature: _Optional[_Union[Signature, _Mapping]] = ...) -> None: ...

class RegistryPolicy(_message.Message):
    __slots__ = ("members", "qc", "qa", "f", "delta_us")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    QC_FIELD_NUMBER: _ClassVar[int]
    QA_FIELD_NUMBER: _ClassVar[int]
    F_FIELD_NUMBER: _ClassVar[int]
    DELTA_US_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedScalarFieldContainer[bytes]
    qc: int
    qa: int
    f: int
    delta_us: int
    def __init__(self, members: _Optional[_Iterable[bytes]] = ..., qc: _Optional[int] = ..., qa: _Optional[int] = ..., f: _Optional[int] = ..., delta_us: _Optional[int] = ...) -> None: ...

class CommitCondition(_message.Message):
    __slots__ = ("keys", "threshold")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    threshold: int
    def __init__(self, keys: _Optional[_Iterable[bytes]] = ..., threshold: _Optional[int] = ...) -> None: ...

class CommitDescriptor(_message.Message):
    __slots__ = ("version", "salt", "deadline_us", "policy", "condition", "hashlocks", "decline_hash", "terms_root")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_US_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    HASHLOCKS_FIELD_NUMBER: _ClassVar[int]
    DECLINE_HASH_FIELD_NUMBER: _ClassVar[int]
    TERMS_ROOT_FIELD_NUMBER: _ClassVar[int]
    version: int
    salt: bytes
    deadline_us: int
    policy: RegistryPolicy
    condition: CommitCondition
    hashlocks: _containers.RepeatedScalarFieldContainer[bytes]
    decline_hash: bytes
    terms_root: bytes
    def __init__(self, version: _Optional[int] = ..., salt: _Optional[bytes] = ..., deadline_us: _Optional[int] = ..., policy: _Optional[_Union[RegistryPolicy, _Mapping]] = ..., condition: _Optional[_Union[CommitCondition, _Mapping]] = ..., hashlocks: _Optional[_Iterable[bytes]] = ..., decline_hash: _Optional[bytes] = ..., terms_root: _Optional[bytes] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("signatures", "preimages", "relayed")
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    PREIMAGES_FIELD_NUMBER: _ClassVar[int]
    RELAYED_FIELD_NUMBER: _ClassVar[int]
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    preimages: _containers.RepeatedScalarFieldContainer[bytes]
    relayed: _containers.RepeatedCompositeFieldContainer[SignedStatement]
    def __init__(self, signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ..., preimages: _Optional[_Iterable[bytes]] = ..., relayed: _Optional[_Iterable[_Union[SignedStatement, _Mapping]]] = ...) -> None: ...

class Commit(_message.Message):
    __slots__ = ("descriptor", "evidence")
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    descriptor: bytes
    evidence: bytes
    def __init__(self, descriptor: _Optional[bytes] = ..., evidence: _Optional[bytes] = ...) -> None: ...

class DecisionLeaf(_message.Message):
    __slots__ = ("commit_id", "outcome", "reason", "deadline_us", "limit_us", "decided_at_us", "max_error_us", "evidence_hash")
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_US_FIELD_NUMBER: _ClassVar[int]
    LIMIT_US_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    MAX_ERROR_US_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_HASH_FIELD_NUMBER: _ClassVar[int]
    commit_id: bytes
    outcome: Outcome
    reason: DecisionReason
    deadline_us: int
    limit_us: int
    decided_at_us: int
    max_error_us: int
    evidence_hash: bytes
    def __init__(self, commit_id: _Optional[bytes] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., reason: _Optional[_Union[DecisionReason, str]] = ..., deadline_us: _Optional[int] = ..., limit_us: _Optional[int] = ..., decided_at_us: _Optional[int] = ..., max_error_us: _Optional[int] = ..., evidence_hash: _Optional[bytes] = ...) -> None: ...

class FenceLeaf(_message.Message):
    __slots__ = ("closed_through_us",)
    CLOSED_THROUGH_US_FIELD_NUMBER: _ClassVar[int]
    closed_through_us: int
    def __init__(self, closed_through_us: _Optional[int] = ...) -> None: ...

class KeyLeaf(_message.Message):
    __slots__ = ("certificate",)
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    certificate: bytes
    def __init__(self, certificate: _Optional[bytes] = ...) -> None: ...

class LogLeaf(_message.Message):
    __slots__ = ("decision", "fence", "key")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    decision: DecisionLeaf
    fence: FenceLeaf
    key: KeyLeaf
    def __init__(self, decision: _Optional[_Union[DecisionLeaf, _Mapping]] = ..., fence: _Optional[_Union[FenceLeaf, _Mapping]] = ..., key: _Optional[_Union[KeyLeaf, _Mapping]] = ...) -> None: ...

class Statement(_message.Message):
    __slots__ = ("registry_key_id", "leaf", "log_origin", "log_index", "commit_id")
    REGISTRY_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    LOG_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    LOG_INDEX_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    registry_key_id: bytes
    leaf: bytes
    log_origin: str
    log_index: int
    commit_id: bytes
    def __init__(self, registry_key_id: _Optional[bytes] = ..., leaf: _Optional[bytes] = ..., log_origin: _Optional[str] = ..., log_index: _Optional[int] = ..., commit_id: _Optional[bytes] = ...) -> None: ...

class SignedStatement(_message.Message):
    __slots__ = ("statement", "signatures", "tlog_proof")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    TLOG_PROOF_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    tlog_proof: bytes
    def __init__(self, statement: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ..., tlog_proof: _Optional[bytes] = ...) -> None: ...

class Interim(_message.Message):
    __slots__ = ("kind", "subject", "as_of_us", "max_error_us", "final_after_us", "registry_key_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    AS_OF_US_FIELD_NUMBER: _ClassVar[int]
    MAX_ERROR_US_FIELD_NUMBER: _ClassVar[int]
    FINAL_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    kind: InterimKind
    subject: bytes
    as_of_us: int
    max_error_us: int
    final_after_us: int
    registry_key_id: bytes
    def __init__(self, kind: _Optional[_Union[InterimKind, str]] = ..., subject: _Optional[bytes] = ..., as_of_us: _Optional[int] = ..., max_error_us: _Optional[int] = ..., final_after_us: _Optional[int] = ..., registry_key_id: _Optional[bytes] = ...) -> None: ...

class SignedInterim(_message.Message):
    __slots__ = ("interim", "signatures")
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    interim: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, interim: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class CommitCertificate(_message.Message):
    __slots__ = ("commit", "committed")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    commit: Commit
    committed: _containers.RepeatedCompositeFieldContainer[SignedStatement]
    def __init__(self, commit: _Optional[_Union[Commit, _Mapping]] = ..., committed: _Optional[_Iterable[_Union[SignedStatement, _Mapping]]] = ...) -> None: ...

class AbortCertificate(_message.Message):
    __slots__ = ("descriptor", "not_committed")
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    NOT_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    descriptor: bytes
    not_committed: _containers.RepeatedCompositeFieldContainer[SignedStatement]
    def __init__(self, descriptor: _Optional[bytes] = ..., not_committed: _Optional[_Iterable[_Union[SignedStatement, _Mapping]]] = ...) -> None: ...

class CertificateFile(_message.Message):
    __slots__ = ("commit", "abort", "records")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    commit: CommitCertificate
    abort: AbortCertificate
    records: _containers.RepeatedCompositeFieldContainer[SignedRegistryRecord]
    def __init__(self, commit: _Optional[_Union[CommitCertificate, _Mapping]] = ..., abort: _Optional[_Union[AbortCertificate, _Mapping]] = ..., records: _Optional[_Iterable[_Union[SignedRegistryRecord, _Mapping]]] = ...) -> None: ...

class KeyCertificate(_message.Message):
    __slots__ = ("owner", "purpose", "key", "not_before_us", "not_after_us")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_US_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    purpose: KeyPurpose
    key: bytes
    not_before_us: int
    not_after_us: int
    def __init__(self, owner: _Optional[bytes] = ..., purpose: _Optional[_Union[KeyPurpose, str]] = ..., key: _Optional[bytes] = ..., not_before_us: _Optional[int] = ..., not_after_us: _Optional[int] = ...) -> None: ...

class SignedKeyCertificate(_message.Message):
    __slots__ = ("certificate", "signatures")
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    certificate: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, certificate: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class RegistryRoot(_message.Message):
    __slots__ = ("version", "keys", "threshold")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    version: int
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    threshold: int
    def __init__(self, version: _Optional[int] = ..., keys: _Optional[_Iterable[bytes]] = ..., threshold: _Optional[int] = ...) -> None: ...

class SignedRoot(_message.Message):
    __slots__ = ("root", "signatures")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    root: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, root: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class RegistryRecord(_message.Message):
    __slots__ = ("registry_key_id", "roots", "keys", "name", "grpc_target", "archive_url", "log_origin", "protocol_version", "sequence", "expires_at_us", "max_error_us", "guard_us", "min_lead_us", "max_deadline_us", "mmd_us", "declared_clock", "leap", "tls_certificate", "witnesses", "witness_quorum", "release", "revocations")
    REGISTRY_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    GRPC_TARGET_FIELD_NUMBER: _ClassVar[int]
    ARCHIVE_URL_FIELD_NUMBER: _ClassVar[int]
    LOG_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    MAX_ERROR_US_FIELD_NUMBER: _ClassVar[int]
    GUARD_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LEAD_US_FIELD_NUMBER: _ClassVar[int]
    MAX_DEADLINE_US_FIELD_NUMBER: _ClassVar[int]
    MMD_US_FIELD_NUMBER: _ClassVar[int]
    DECLARED_CLOCK_FIELD_NUMBER: _ClassVar[int]
    LEAP_FIELD_NUMBER: _ClassVar[int]
    TLS_CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    WITNESSES_FIELD_NUMBER: _ClassVar[int]
    WITNESS_QUORUM_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    REVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    registry_key_id: bytes
    roots: _containers.RepeatedCompositeFieldContainer[SignedRoot]
    keys: _containers.RepeatedCompositeFieldContainer[SignedKeyCertificate]
    name: str
    grpc_target: str
    archive_url: str
    log_origin: str
    protocol_version: str
    sequence: int
    expires_at_us: int
    max_error_us: int
    guard_us: int
    min_lead_us: int
    max_deadline_us: int
    mmd_us: int
    declared_clock: bool
    leap: str
    tls_certificate: bytes
    witnesses: _containers.RepeatedCompositeFieldContainer[Witness]
    witness_quorum: int
    release: StatementRelease
    revocations: _containers.RepeatedCompositeFieldContainer[KeyRevocation]
    def __init__(self, registry_key_id: _Optional[bytes] = ..., roots: _Optional[_Iterable[_Union[SignedRoot, _Mapping]]] = ..., keys: _Optional[_Iterable[_Union[SignedKeyCertificate, _Mapping]]] = ..., name: _Optional[str] = ..., grpc_target: _Optional[str] = ..., archive_url: _Optional[str] = ..., log_origin: _Optional[str] = ..., protocol_version: _Optional[str] = ..., sequence: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., max_error_us: _Optional[int] = ..., guard_us: _Optional[int] = ..., min_lead_us: _Optional[int] = ..., max_deadline_us: _Optional[int] = ..., mmd_us: _Optional[int] = ..., declared_clock: _Optional[bool] = ..., leap: _Optional[str] = ..., tls_certificate: _Optional[bytes] = ..., witnesses: _Optional[_Iterable[_Union[Witness, _Mapping]]] = ..., witness_quorum: _Optional[int] = ..., release: _Optional[_Union[StatementRelease, str]] = ..., revocations: _Optional[_Iterable[_Union[KeyRevocation, _Mapping]]] = ...) -> None: ...

class Witness(_message.Message):
    __slots__ = ("key", "url")
    KEY_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    key: str
    url: str
    def __init__(self, key: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class KeyRevocation(_message.Message):
    __slots__ = ("key", "at_us")
    KEY_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    at_us: int
    def __init__(self, key: _Optional[bytes] = ..., at_us: _Optional[int] = ...) -> None: ...

class SignedRegistryRecord(_message.Message):
    __slots__ = ("record", "signatures")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    record: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[Signature]
    def __init__(self, record: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[Signature, _Mapping]]] = ...) -> None: ...

class LoggedLeaf(_message.Message):
    __slots__ = ("leaf", "index", "path", "checkpoint")
    LEAF_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    leaf: bytes
    index: int
    path: _containers.RepeatedScalarFieldContainer[bytes]
    checkpoint: bytes
    def __init__(self, leaf: _Optional[bytes] = ..., index: _Optional[int] = ..., path: _Optional[_Iterable[bytes]] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("monitor", "log_origin", "at_us", "checkpoint")
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    LOG_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    monitor: bytes
    log_origin: str
    at_us: int
    checkpoint: bytes
    def __init__(self, monitor: _Optional[bytes] = ..., log_origin: _Optional[str] = ..., at_us: _Optional[int] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...

class SignedObservation(_message.Message):
    __slots__ = ("observation", "signature")
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    observation: bytes
    signature: Signature
    def __init__(self, observation: _Optional[bytes] = ..., signature: _Optional[_Union[Signature, _Mapping]] = ...) -> None: ...

class PrefixProof(_message.Message):
    __slots__ = ("root", "path")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    root: bytes
    path: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, root: _Optional[bytes] = ..., path: _Optional[_Iterable[bytes]] = ...) -> None: ...

class FraudProof(_message.Message):
    __slots__ = ("kind", "record", "statements", "descriptor", "evidence", "leaves", "checkpoints", "observations", "records", "prefix")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    kind: FraudKind
    record: SignedRegistryRecord
    statements: _containers.RepeatedCompositeFieldContainer[SignedStatement]
    descriptor: bytes
    evidence: bytes
    leaves: _containers.RepeatedCompositeFieldContainer[LoggedLeaf]
    checkpoints: _containers.RepeatedScalarFieldContainer[bytes]
    observations: _containers.RepeatedCompositeFieldContainer[SignedObservation]
    records: _containers.RepeatedCompositeFieldContainer[SignedRegistryRecord]
    prefix: PrefixProof
    def __init__(self, kind: _Optional[_Union[FraudKind, str]] = ..., record: _Optional[_Union[SignedRegistryRecord, _Mapping]] = ..., statements: _Optional[_Iterable[_Union[SignedStatement, _Mapping]]] = ..., descriptor: _Optional[bytes] = ..., evidence: _Optional[bytes] = ..., leaves: _Optional[_Iterable[_Union[LoggedLeaf, _Mapping]]] = ..., checkpoints: _Optional[_Iterable[bytes]] = ..., observations: _Optional[_Iterable[_Union[SignedObservation, _Mapping]]] = ..., records: _Optional[_Iterable[_Union[SignedRegistryRecord, _Mapping]]] = ..., prefix: _Optional[_Union[PrefixProof, _Mapping]] = ...) -> None: ...

class Brand(_message.Message):
    __slots__ = ("guid", "name", "unit", "issuer")
    GUID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    guid: bytes
    name: str
    unit: int
    issuer: bytes
    def __init__(self, guid: _Optional[bytes] = ..., name: _Optional[str] = ..., unit: _Optional[int] = ..., issuer: _Optional[bytes] = ...) -> None: ...

class Fee(_message.Message):
    __slots__ = ("rate", "flat")
    RATE_FIELD_NUMBER: _ClassVar[int]
    FLAT_FIELD_NUMBER: _ClassVar[int]
    rate: str
    flat: int
    def __init__(self, rate: _Optional[str] = ..., flat: _Optional[int] = ...) -> None: ...

class ModeFee(_message.Message):
    __slots__ = ("mode", "fee")
    MODE_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    mode: int
    fee: Fee
    def __init__(self, mode: _Optional[int] = ..., fee: _Optional[_Union[Fee, _Mapping]] = ...) -> None: ...

class AtomicityFeeSet(_message.Message):
    __slots__ = ("fees",)
    FEES_FIELD_NUMBER: _ClassVar[int]
    fees: _containers.RepeatedCompositeFieldContainer[ModeFee]
    def __init__(self, fees: _Optional[_Iterable[_Union[ModeFee, _Mapping]]] = ...) -> None: ...

class RegistryFee(_message.Message):
    __slots__ = ("registry_key_id", "in_rate", "in_flat", "out_rate", "out_flat")
    REGISTRY_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    IN_RATE_FIELD_NUMBER: _ClassVar[int]
    IN_FLAT_FIELD_NUMBER: _ClassVar[int]
    OUT_RATE_FIELD_NUMBER: _ClassVar[int]
    OUT_FLAT_FIELD_NUMBER: _ClassVar[int]
    registry_key_id: bytes
    in_rate: str
    in_flat: int
    out_rate: str
    out_flat: int
    def __init__(self, registry_key_id: _Optional[bytes] = ..., in_rate: _Optional[str] = ..., in_flat: _Optional[int] = ..., out_rate: _Optional[str] = ..., out_flat: _Optional[int] = ...) -> None: ...

class RegistryFeeSet(_message.Message):
    __slots__ = ("fees",)
    FEES_FIELD_NUMBER: _ClassVar[int]
    fees: _containers.RepeatedCompositeFieldContainer[RegistryFee]
    def __init__(self, fees: _Optional[_Iterable[_Union[RegistryFee, _Mapping]]] = ...) -> None: ...

class ExchangeRate(_message.Message):
    __slots__ = ("brand_in", "brand_out", "rate", "flat", "limit")
    BRAND_IN_FIELD_NUMBER: _ClassVar[int]
    BRAND_OUT_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    FLAT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    brand_in: bytes
    brand_out: bytes
    rate: str
    flat: int
    limit: int
    def __init__(self, brand_in: _Optional[bytes] = ..., brand_out: _Optional[bytes] = ..., rate: _Optional[str] = ..., flat: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class NodeAdvert(_message.Message):
    __slots__ = ("node", "alias", "sequence", "expires_at_us", "seal_key", "registries", "registry_list", "watches_registry", "hold_max_us", "atomicity_fees", "registry_fees", "exchange", "address", "knows_registries")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    SEAL_KEY_FIELD_NUMBER: _ClassVar[int]
    REGISTRIES_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_LIST_FIELD_NUMBER: _ClassVar[int]
    WATCHES_REGISTRY_FIELD_NUMBER: _ClassVar[int]
    HOLD_MAX_US_FIELD_NUMBER: _ClassVar[int]
    ATOMICITY_FEES_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_FEES_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    KNOWS_REGISTRIES_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    alias: str
    sequence: int
    expires_at_us: int
    seal_key: SignedKeyCertificate
    registries: _containers.RepeatedScalarFieldContainer[bytes]
    registry_list: bytes
    watches_registry: bool
    hold_max_us: int
    atomicity_fees: AtomicityFeeSet
    registry_fees: RegistryFeeSet
    exchange: _containers.RepeatedCompositeFieldContainer[ExchangeRate]
    address: str
    knows_registries: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, node: _Optional[bytes] = ..., alias: _Optional[str] = ..., sequence: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., seal_key: _Optional[_Union[SignedKeyCertificate, _Mapping]] = ..., registries: _Optional[_Iterable[bytes]] = ..., registry_list: _Optional[bytes] = ..., watches_registry: _Optional[bool] = ..., hold_max_us: _Optional[int] = ..., atomicity_fees: _Optional[_Union[AtomicityFeeSet, _Mapping]] = ..., registry_fees: _Optional[_Union[RegistryFeeSet, _Mapping]] = ..., exchange: _Optional[_Iterable[_Union[ExchangeRate, _Mapping]]] = ..., address: _Optional[str] = ..., knows_registries: _Optional[_Iterable[bytes]] = ...) -> None: ...

class LineAdvert(_message.Message):
    __slots__ = ("promisor", "promisee", "brand", "sequence", "expires_at_us", "available", "atomicity_fees", "registry_fees", "closed", "grants")
    PROMISOR_FIELD_NUMBER: _ClassVar[int]
    PROMISEE_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    ATOMICITY_FEES_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_FEES_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    promisor: bytes
    promisee: bytes
    brand: Brand
    sequence: int
    expires_at_us: int
    available: int
    atomicity_fees: AtomicityFeeSet
    registry_fees: RegistryFeeSet
    closed: bool
    grants: int
    def __init__(self, promisor: _Optional[bytes] = ..., promisee: _Optional[bytes] = ..., brand: _Optional[_Union[Brand, _Mapping]] = ..., sequence: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., available: _Optional[int] = ..., atomicity_fees: _Optional[_Union[AtomicityFeeSet, _Mapping]] = ..., registry_fees: _Optional[_Union[RegistryFeeSet, _Mapping]] = ..., closed: _Optional[bool] = ..., grants: _Optional[int] = ...) -> None: ...

class RegistryListAdvert(_message.Message):
    __slots__ = ("owner", "list_id", "registries", "sequence", "expires_at_us")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    LIST_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTRIES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    list_id: bytes
    registries: _containers.RepeatedScalarFieldContainer[bytes]
    sequence: int
    expires_at_us: int
    def __init__(self, owner: _Optional[bytes] = ..., list_id: _Optional[bytes] = ..., registries: _Optional[_Iterable[bytes]] = ..., sequence: _Optional[int] = ..., expires_at_us: _Optional[int] = ...) -> None: ...

class NodeCard(_message.Message):
    __slots__ = ("node", "alias", "address", "tls", "seal", "service")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    alias: str
    address: str
    tls: SignedKeyCertificate
    seal: SignedKeyCertificate
    service: str
    def __init__(self, node: _Optional[bytes] = ..., alias: _Optional[str] = ..., address: _Optional[str] = ..., tls: _Optional[_Union[SignedKeyCertificate, _Mapping]] = ..., seal: _Optional[_Union[SignedKeyCertificate, _Mapping]] = ..., service: _Optional[str] = ...) -> None: ...

class PathFinderCard(_message.Message):
    __slots__ = ("node", "service")
    NODE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    node: NodeCard
    service: str
    def __init__(self, node: _Optional[_Union[NodeCard, _Mapping]] = ..., service: _Optional[str] = ...) -> None: ...

class PaymentRequest(_message.Message):
    __slots__ = ("version", "request_id", "payee", "payee_alias", "brand", "amount", "committer_key", "decline_hashes", "policies", "last_levels", "latest_deadline_us", "expires_at_us", "description", "seal", "payee_margin_us", "amount_min", "fees_by_payee", "order_hash", "exchange", "created_at_us", "requester", "audience", "session_nonce", "retry_of", "refund_to", "mandate", "under", "domain", "person")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PAYEE_FIELD_NUMBER: _ClassVar[int]
    PAYEE_ALIAS_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    COMMITTER_KEY_FIELD_NUMBER: _ClassVar[int]
    DECLINE_HASHES_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    LAST_LEVELS_FIELD_NUMBER: _ClassVar[int]
    LATEST_DEADLINE_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    PAYEE_MARGIN_US_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MIN_FIELD_NUMBER: _ClassVar[int]
    FEES_BY_PAYEE_FIELD_NUMBER: _ClassVar[int]
    ORDER_HASH_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    SESSION_NONCE_FIELD_NUMBER: _ClassVar[int]
    RETRY_OF_FIELD_NUMBER: _ClassVar[int]
    REFUND_TO_FIELD_NUMBER: _ClassVar[int]
    MANDATE_FIELD_NUMBER: _ClassVar[int]
    UNDER_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    version: int
    request_id: bytes
    payee: bytes
    payee_alias: str
    brand: Brand
    amount: int
    committer_key: bytes
    decline_hashes: _containers.RepeatedScalarFieldContainer[bytes]
    policies: _containers.RepeatedCompositeFieldContainer[RegistryPolicy]
    last_levels: _containers.RepeatedScalarFieldContainer[int]
    latest_deadline_us: int
    expires_at_us: int
    description: str
    seal: SignedKeyCertificate
    payee_margin_us: int
    amount_min: int
    fees_by_payee: bool
    order_hash: bytes
    exchange: bytes
    created_at_us: int
    requester: Requester
    audience: bytes
    session_nonce: bytes
    retry_of: bytes
    refund_to: str
    mandate: MandateTerms
    under: bytes
    domain: str
    person: bytes
    def __init__(self, version: _Optional[int] = ..., request_id: _Optional[bytes] = ..., payee: _Optional[bytes] = ..., payee_alias: _Optional[str] = ..., brand: _Optional[_Union[Brand, _Mapping]] = ..., amount: _Optional[int] = ..., committer_key: _Optional[bytes] = ..., decline_hashes: _Optional[_Iterable[bytes]] = ..., policies: _Optional[_Iterable[_Union[RegistryPolicy, _Mapping]]] = ..., last_levels: _Optional[_Iterable[int]] = ..., latest_deadline_us: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., description: _Optional[str] = ..., seal: _Optional[_Union[SignedKeyCertificate, _Mapping]] = ..., payee_margin_us: _Optional[int] = ..., amount_min: _Optional[int] = ..., fees_by_payee: _Optional[bool] = ..., order_hash: _Optional[bytes] = ..., exchange: _Optional[bytes] = ..., created_at_us: _Optional[int] = ..., requester: _Optional[_Union[Requester, _Mapping]] = ..., audience: _Optional[bytes] = ..., session_nonce: _Optional[bytes] = ..., retry_of: _Optional[bytes] = ..., refund_to: _Optional[str] = ..., mandate: _Optional[_Union[MandateTerms, _Mapping]] = ..., under: _Optional[bytes] = ..., domain: _Optional[str] = ..., person: _Optional[bytes] = ...) -> None: ...

class Requester(_message.Message):
    __slots__ = ("key", "name", "notify_url", "return_url")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NOTIFY_URL_FIELD_NUMBER: _ClassVar[int]
    RETURN_URL_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    name: str
    notify_url: str
    return_url: str
    def __init__(self, key: _Optional[bytes] = ..., name: _Optional[str] = ..., notify_url: _Optional[str] = ..., return_url: _Optional[str] = ...) -> None: ...

class MandateTerms(_message.Message):
    __slots__ = ("per_payment", "period_us", "per_period", "total", "until_us")
    PER_PAYMENT_FIELD_NUMBER: _ClassVar[int]
    PERIOD_US_FIELD_NUMBER: _ClassVar[int]
    PER_PERIOD_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    per_payment: int
    period_us: int
    per_period: int
    total: int
    until_us: int
    def __init__(self, per_payment: _Optional[int] = ..., period_us: _Optional[int] = ..., per_period: _Optional[int] = ..., total: _Optional[int] = ..., until_us: _Optional[int] = ...) -> None: ...
