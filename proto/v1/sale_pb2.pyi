from proto.v1 import types_pb2 as _types_pb2
from proto.v1 import escrow_pb2 as _escrow_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SaleRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SALE_ROLE_UNSPECIFIED: _ClassVar[SaleRole]
    BUYER: _ClassVar[SaleRole]
    SELLER: _ClassVar[SaleRole]
    AGENT: _ClassVar[SaleRole]
    ARBITER: _ClassVar[SaleRole]

class SaleDecision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGREE: _ClassVar[SaleDecision]
    LOCK: _ClassVar[SaleDecision]
    RELEASE: _ClassVar[SaleDecision]
    REFUND_SALE: _ClassVar[SaleDecision]
    DELIVERED_SALE: _ClassVar[SaleDecision]
    CHALLENGE: _ClassVar[SaleDecision]
    SLASH: _ClassVar[SaleDecision]
SALE_ROLE_UNSPECIFIED: SaleRole
BUYER: SaleRole
SELLER: SaleRole
AGENT: SaleRole
ARBITER: SaleRole
AGREE: SaleDecision
LOCK: SaleDecision
RELEASE: SaleDecision
REFUND_SALE: SaleDecision
DELIVERED_SALE: SaleDecision
CHALLENGE: SaleDecision
SLASH: SaleDecision

class SaleStakes(_message.Message):
    __slots__ = ("price", "buyer_deposit", "seller_deposit", "bond", "vote_bond", "refund_tip_permille", "slash_permille", "slashed_bond_permille")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    BUYER_DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    SELLER_DEPOSIT_FIELD_NUMBER: _ClassVar[int]
    BOND_FIELD_NUMBER: _ClassVar[int]
    VOTE_BOND_FIELD_NUMBER: _ClassVar[int]
    REFUND_TIP_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    SLASH_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    SLASHED_BOND_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    price: int
    buyer_deposit: int
    seller_deposit: int
    bond: int
    vote_bond: int
    refund_tip_permille: int
    slash_permille: int
    slashed_bond_permille: int
    def __init__(self, price: _Optional[int] = ..., buyer_deposit: _Optional[int] = ..., seller_deposit: _Optional[int] = ..., bond: _Optional[int] = ..., vote_bond: _Optional[int] = ..., refund_tip_permille: _Optional[int] = ..., slash_permille: _Optional[int] = ..., slashed_bond_permille: _Optional[int] = ...) -> None: ...

class SaleTimes(_message.Message):
    __slots__ = ("agree_us", "lock_us", "release_us", "window_us", "refund_us", "slash_us", "vote_us")
    AGREE_US_FIELD_NUMBER: _ClassVar[int]
    LOCK_US_FIELD_NUMBER: _ClassVar[int]
    RELEASE_US_FIELD_NUMBER: _ClassVar[int]
    WINDOW_US_FIELD_NUMBER: _ClassVar[int]
    REFUND_US_FIELD_NUMBER: _ClassVar[int]
    SLASH_US_FIELD_NUMBER: _ClassVar[int]
    VOTE_US_FIELD_NUMBER: _ClassVar[int]
    agree_us: int
    lock_us: int
    release_us: int
    window_us: int
    refund_us: int
    slash_us: int
    vote_us: int
    def __init__(self, agree_us: _Optional[int] = ..., lock_us: _Optional[int] = ..., release_us: _Optional[int] = ..., window_us: _Optional[int] = ..., refund_us: _Optional[int] = ..., slash_us: _Optional[int] = ..., vote_us: _Optional[int] = ...) -> None: ...

class AgentOffer(_message.Message):
    __slots__ = ("agent", "card", "brands", "tip_flat", "tip_permille", "bond_max", "judges", "created_at_us", "expires_at_us")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    TIP_FLAT_FIELD_NUMBER: _ClassVar[int]
    TIP_PERMILLE_FIELD_NUMBER: _ClassVar[int]
    BOND_MAX_FIELD_NUMBER: _ClassVar[int]
    JUDGES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    agent: bytes
    card: str
    brands: _containers.RepeatedScalarFieldContainer[bytes]
    tip_flat: int
    tip_permille: int
    bond_max: int
    judges: str
    created_at_us: int
    expires_at_us: int
    def __init__(self, agent: _Optional[bytes] = ..., card: _Optional[str] = ..., brands: _Optional[_Iterable[bytes]] = ..., tip_flat: _Optional[int] = ..., tip_permille: _Optional[int] = ..., bond_max: _Optional[int] = ..., judges: _Optional[str] = ..., created_at_us: _Optional[int] = ..., expires_at_us: _Optional[int] = ...) -> None: ...

class SaleOffer(_message.Message):
    __slots__ = ("version", "salt", "buyer", "buyer_card", "seller_card", "arbiter_card", "thing", "right", "house_card", "stakes", "times", "policy", "arbitration", "created_at_us", "expires_at_us")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    BUYER_CARD_FIELD_NUMBER: _ClassVar[int]
    SELLER_CARD_FIELD_NUMBER: _ClassVar[int]
    ARBITER_CARD_FIELD_NUMBER: _ClassVar[int]
    THING_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    HOUSE_CARD_FIELD_NUMBER: _ClassVar[int]
    STAKES_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ARBITRATION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    version: int
    salt: bytes
    buyer: bytes
    buyer_card: str
    seller_card: str
    arbiter_card: str
    thing: str
    right: _types_pb2.Envelope
    house_card: str
    stakes: SaleStakes
    times: SaleTimes
    policy: _types_pb2.RegistryPolicy
    arbitration: str
    created_at_us: int
    expires_at_us: int
    def __init__(self, version: _Optional[int] = ..., salt: _Optional[bytes] = ..., buyer: _Optional[bytes] = ..., buyer_card: _Optional[str] = ..., seller_card: _Optional[str] = ..., arbiter_card: _Optional[str] = ..., thing: _Optional[str] = ..., right: _Optional[_Union[_types_pb2.Envelope, _Mapping]] = ..., house_card: _Optional[str] = ..., stakes: _Optional[_Union[SaleStakes, _Mapping]] = ..., times: _Optional[_Union[SaleTimes, _Mapping]] = ..., policy: _Optional[_Union[_types_pb2.RegistryPolicy, _Mapping]] = ..., arbitration: _Optional[str] = ..., created_at_us: _Optional[int] = ..., expires_at_us: _Optional[int] = ...) -> None: ...

class SaleRule(_message.Message):
    __slots__ = ("sale_id", "side", "answers", "agents", "highest_tip", "least_score", "salt_hash")
    SALE_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_TIP_FIELD_NUMBER: _ClassVar[int]
    LEAST_SCORE_FIELD_NUMBER: _ClassVar[int]
    SALT_HASH_FIELD_NUMBER: _ClassVar[int]
    sale_id: bytes
    side: bytes
    answers: bytes
    agents: _containers.RepeatedCompositeFieldContainer[_types_pb2.Envelope]
    highest_tip: int
    least_score: int
    salt_hash: bytes
    def __init__(self, sale_id: _Optional[bytes] = ..., side: _Optional[bytes] = ..., answers: _Optional[bytes] = ..., agents: _Optional[_Iterable[_Union[_types_pb2.Envelope, _Mapping]]] = ..., highest_tip: _Optional[int] = ..., least_score: _Optional[int] = ..., salt_hash: _Optional[bytes] = ...) -> None: ...

class SaleKey(_message.Message):
    __slots__ = ("decision", "keys")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    decision: SaleDecision
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, decision: _Optional[_Union[SaleDecision, str]] = ..., keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SaleParty(_message.Message):
    __slots__ = ("role", "card", "account", "keys", "box", "decline_hash")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    DECLINE_HASH_FIELD_NUMBER: _ClassVar[int]
    role: SaleRole
    card: str
    account: bytes
    keys: _containers.RepeatedCompositeFieldContainer[SaleKey]
    box: bytes
    decline_hash: bytes
    def __init__(self, role: _Optional[_Union[SaleRole, str]] = ..., card: _Optional[str] = ..., account: _Optional[bytes] = ..., keys: _Optional[_Iterable[_Union[SaleKey, _Mapping]]] = ..., box: _Optional[bytes] = ..., decline_hash: _Optional[bytes] = ...) -> None: ...

class SaleContract(_message.Message):
    __slots__ = ("version", "sale_id", "house", "brand", "lot", "stakes", "tip", "house_fee", "parties", "agreed_until_us", "locked_until_us", "descriptors", "votes_sealed_until_us", "votes_open_until_us", "choice", "arbitration")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SALE_ID_FIELD_NUMBER: _ClassVar[int]
    HOUSE_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    LOT_FIELD_NUMBER: _ClassVar[int]
    STAKES_FIELD_NUMBER: _ClassVar[int]
    TIP_FIELD_NUMBER: _ClassVar[int]
    HOUSE_FEE_FIELD_NUMBER: _ClassVar[int]
    PARTIES_FIELD_NUMBER: _ClassVar[int]
    AGREED_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    LOCKED_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    VOTES_SEALED_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    VOTES_OPEN_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    ARBITRATION_FIELD_NUMBER: _ClassVar[int]
    version: int
    sale_id: bytes
    house: bytes
    brand: bytes
    lot: int
    stakes: SaleStakes
    tip: int
    house_fee: int
    parties: _containers.RepeatedCompositeFieldContainer[SaleParty]
    agreed_until_us: int
    locked_until_us: int
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    votes_sealed_until_us: int
    votes_open_until_us: int
    choice: bytes
    arbitration: str
    def __init__(self, version: _Optional[int] = ..., sale_id: _Optional[bytes] = ..., house: _Optional[bytes] = ..., brand: _Optional[bytes] = ..., lot: _Optional[int] = ..., stakes: _Optional[_Union[SaleStakes, _Mapping]] = ..., tip: _Optional[int] = ..., house_fee: _Optional[int] = ..., parties: _Optional[_Iterable[_Union[SaleParty, _Mapping]]] = ..., agreed_until_us: _Optional[int] = ..., locked_until_us: _Optional[int] = ..., descriptors: _Optional[_Iterable[bytes]] = ..., votes_sealed_until_us: _Optional[int] = ..., votes_open_until_us: _Optional[int] = ..., choice: _Optional[bytes] = ..., arbitration: _Optional[str] = ...) -> None: ...

class PoolPayout(_message.Message):
    __slots__ = ("account", "amount")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    account: bytes
    amount: int
    def __init__(self, account: _Optional[bytes] = ..., amount: _Optional[int] = ...) -> None: ...

class PoolBranch(_message.Message):
    __slots__ = ("branch", "payouts")
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    PAYOUTS_FIELD_NUMBER: _ClassVar[int]
    branch: int
    payouts: _containers.RepeatedCompositeFieldContainer[PoolPayout]
    def __init__(self, branch: _Optional[int] = ..., payouts: _Optional[_Iterable[_Union[PoolPayout, _Mapping]]] = ...) -> None: ...

class PoolPromise(_message.Message):
    __slots__ = ("house", "pool", "agreement", "account", "total", "branches")
    HOUSE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    house: bytes
    pool: bytes
    agreement: bytes
    account: bytes
    total: int
    branches: _containers.RepeatedCompositeFieldContainer[PoolBranch]
    def __init__(self, house: _Optional[bytes] = ..., pool: _Optional[bytes] = ..., agreement: _Optional[bytes] = ..., account: _Optional[bytes] = ..., total: _Optional[int] = ..., branches: _Optional[_Iterable[_Union[PoolBranch, _Mapping]]] = ...) -> None: ...

class HandedOver(_message.Message):
    __slots__ = ("sale_id", "key_hash", "sealed_hash", "log_head", "challenge")
    SALE_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_HASH_FIELD_NUMBER: _ClassVar[int]
    SEALED_HASH_FIELD_NUMBER: _ClassVar[int]
    LOG_HEAD_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    sale_id: bytes
    key_hash: bytes
    sealed_hash: bytes
    log_head: bytes
    challenge: bytes
    def __init__(self, sale_id: _Optional[bytes] = ..., key_hash: _Optional[bytes] = ..., sealed_hash: _Optional[bytes] = ..., log_head: _Optional[bytes] = ..., challenge: _Optional[bytes] = ...) -> None: ...

class ControlProof(_message.Message):
    __slots__ = ("lock", "challenge", "key")
    LOCK_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    lock: bytes
    challenge: bytes
    key: bytes
    def __init__(self, lock: _Optional[bytes] = ..., challenge: _Optional[bytes] = ..., key: _Optional[bytes] = ...) -> None: ...

class Vote(_message.Message):
    __slots__ = ("house", "pool", "brand", "agent", "voter", "value", "deciding", "success", "salt")
    HOUSE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    VOTER_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DECIDING_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    house: bytes
    pool: bytes
    brand: bytes
    agent: bytes
    voter: bytes
    value: int
    deciding: bytes
    success: bool
    salt: bytes
    def __init__(self, house: _Optional[bytes] = ..., pool: _Optional[bytes] = ..., brand: _Optional[bytes] = ..., agent: _Optional[bytes] = ..., voter: _Optional[bytes] = ..., value: _Optional[int] = ..., deciding: _Optional[bytes] = ..., success: _Optional[bool] = ..., salt: _Optional[bytes] = ...) -> None: ...

class RatingEntry(_message.Message):
    __slots__ = ("house", "brand", "agent", "sequence", "previous", "pool", "value", "branch", "deciding", "votes", "at_us")
    HOUSE_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    DECIDING_FIELD_NUMBER: _ClassVar[int]
    VOTES_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    house: bytes
    brand: bytes
    agent: bytes
    sequence: int
    previous: bytes
    pool: bytes
    value: int
    branch: int
    deciding: bytes
    votes: _containers.RepeatedCompositeFieldContainer[_types_pb2.Envelope]
    at_us: int
    def __init__(self, house: _Optional[bytes] = ..., brand: _Optional[bytes] = ..., agent: _Optional[bytes] = ..., sequence: _Optional[int] = ..., previous: _Optional[bytes] = ..., pool: _Optional[bytes] = ..., value: _Optional[int] = ..., branch: _Optional[int] = ..., deciding: _Optional[bytes] = ..., votes: _Optional[_Iterable[_Union[_types_pb2.Envelope, _Mapping]]] = ..., at_us: _Optional[int] = ...) -> None: ...

class SaleOffered(_message.Message):
    __slots__ = ("offer", "rule")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    offer: bytes
    rule: bytes
    def __init__(self, offer: _Optional[bytes] = ..., rule: _Optional[bytes] = ...) -> None: ...

class SaleRuled(_message.Message):
    __slots__ = ("rule",)
    RULE_FIELD_NUMBER: _ClassVar[int]
    rule: bytes
    def __init__(self, rule: _Optional[bytes] = ...) -> None: ...

class SaleReveal(_message.Message):
    __slots__ = ("rule", "salt", "party")
    RULE_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    PARTY_FIELD_NUMBER: _ClassVar[int]
    rule: bytes
    salt: bytes
    party: SaleParty
    def __init__(self, rule: _Optional[bytes] = ..., salt: _Optional[bytes] = ..., party: _Optional[_Union[SaleParty, _Mapping]] = ...) -> None: ...

class SaleAsk(_message.Message):
    __slots__ = ("offer", "rules", "reveals")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    REVEALS_FIELD_NUMBER: _ClassVar[int]
    offer: bytes
    rules: _containers.RepeatedScalarFieldContainer[bytes]
    reveals: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, offer: _Optional[bytes] = ..., rules: _Optional[_Iterable[bytes]] = ..., reveals: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SaleJoin(_message.Message):
    __slots__ = ("party",)
    PARTY_FIELD_NUMBER: _ClassVar[int]
    party: SaleParty
    def __init__(self, party: _Optional[_Union[SaleParty, _Mapping]] = ...) -> None: ...

class SaleTerms(_message.Message):
    __slots__ = ("contract", "agreement", "promise", "letters")
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    LETTERS_FIELD_NUMBER: _ClassVar[int]
    contract: bytes
    agreement: bytes
    promise: bytes
    letters: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, contract: _Optional[bytes] = ..., agreement: _Optional[bytes] = ..., promise: _Optional[bytes] = ..., letters: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SaleShare(_message.Message):
    __slots__ = ("decision", "shares")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    decision: SaleDecision
    shares: _containers.RepeatedCompositeFieldContainer[_types_pb2.Signature]
    def __init__(self, decision: _Optional[_Union[SaleDecision, str]] = ..., shares: _Optional[_Iterable[_Union[_types_pb2.Signature, _Mapping]]] = ...) -> None: ...

class SaleCredential(_message.Message):
    __slots__ = ("sealed",)
    SEALED_FIELD_NUMBER: _ClassVar[int]
    sealed: bytes
    def __init__(self, sealed: _Optional[bytes] = ...) -> None: ...

class SaleLock(_message.Message):
    __slots__ = ("descriptor", "openings", "sealed", "statement", "log")
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    OPENINGS_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    descriptor: bytes
    openings: _containers.RepeatedCompositeFieldContainer[_escrow_pb2.Opening]
    sealed: bytes
    statement: bytes
    log: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, descriptor: _Optional[bytes] = ..., openings: _Optional[_Iterable[_Union[_escrow_pb2.Opening, _Mapping]]] = ..., sealed: _Optional[bytes] = ..., statement: _Optional[bytes] = ..., log: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SaleStaked(_message.Message):
    __slots__ = ("promise",)
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    promise: bytes
    def __init__(self, promise: _Optional[bytes] = ...) -> None: ...

class SaleControl(_message.Message):
    __slots__ = ("statement",)
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    def __init__(self, statement: _Optional[bytes] = ...) -> None: ...

class SaleClose(_message.Message):
    __slots__ = ("why",)
    WHY_FIELD_NUMBER: _ClassVar[int]
    why: int
    def __init__(self, why: _Optional[int] = ...) -> None: ...

class SaleLetter(_message.Message):
    __slots__ = ("sale_id", "offered", "ruled", "reveal", "ask", "join", "terms", "share", "credential", "lock", "staked", "control", "close")
    SALE_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    RULED_FIELD_NUMBER: _ClassVar[int]
    REVEAL_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    LOCK_FIELD_NUMBER: _ClassVar[int]
    STAKED_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    sale_id: bytes
    offered: SaleOffered
    ruled: SaleRuled
    reveal: SaleReveal
    ask: SaleAsk
    join: SaleJoin
    terms: SaleTerms
    share: SaleShare
    credential: SaleCredential
    lock: SaleLock
    staked: SaleStaked
    control: SaleControl
    close: SaleClose
    def __init__(self, sale_id: _Optional[bytes] = ..., offered: _Optional[_Union[SaleOffered, _Mapping]] = ..., ruled: _Optional[_Union[SaleRuled, _Mapping]] = ..., reveal: _Optional[_Union[SaleReveal, _Mapping]] = ..., ask: _Optional[_Union[SaleAsk, _Mapping]] = ..., join: _Optional[_Union[SaleJoin, _Mapping]] = ..., terms: _Optional[_Union[SaleTerms, _Mapping]] = ..., share: _Optional[_Union[SaleShare, _Mapping]] = ..., credential: _Optional[_Union[SaleCredential, _Mapping]] = ..., lock: _Optional[_Union[SaleLock, _Mapping]] = ..., staked: _Optional[_Union[SaleStaked, _Mapping]] = ..., control: _Optional[_Union[SaleControl, _Mapping]] = ..., close: _Optional[_Union[SaleClose, _Mapping]] = ...) -> None: ...

class SaleFile(_message.Message):
    __slots__ = ("offer", "rules", "reveals", "joins", "contract", "agreement", "promise", "lock", "openings", "stakes", "statement", "log", "credential", "sealed", "control", "vote", "decisions", "records")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    REVEALS_FIELD_NUMBER: _ClassVar[int]
    JOINS_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    LOCK_FIELD_NUMBER: _ClassVar[int]
    OPENINGS_FIELD_NUMBER: _ClassVar[int]
    STAKES_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    VOTE_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    offer: bytes
    rules: _containers.RepeatedScalarFieldContainer[bytes]
    reveals: _containers.RepeatedScalarFieldContainer[bytes]
    joins: _containers.RepeatedScalarFieldContainer[bytes]
    contract: bytes
    agreement: bytes
    promise: bytes
    lock: bytes
    openings: _containers.RepeatedCompositeFieldContainer[_escrow_pb2.Opening]
    stakes: _containers.RepeatedScalarFieldContainer[bytes]
    statement: bytes
    log: _containers.RepeatedScalarFieldContainer[bytes]
    credential: bytes
    sealed: bytes
    control: bytes
    vote: bytes
    decisions: _containers.RepeatedCompositeFieldContainer[_types_pb2.CertificateFile]
    records: _containers.RepeatedCompositeFieldContainer[_types_pb2.SignedRegistryRecord]
    def __init__(self, offer: _Optional[bytes] = ..., rules: _Optional[_Iterable[bytes]] = ..., reveals: _Optional[_Iterable[bytes]] = ..., joins: _Optional[_Iterable[bytes]] = ..., contract: _Optional[bytes] = ..., agreement: _Optional[bytes] = ..., promise: _Optional[bytes] = ..., lock: _Optional[bytes] = ..., openings: _Optional[_Iterable[_Union[_escrow_pb2.Opening, _Mapping]]] = ..., stakes: _Optional[_Iterable[bytes]] = ..., statement: _Optional[bytes] = ..., log: _Optional[_Iterable[bytes]] = ..., credential: _Optional[bytes] = ..., sealed: _Optional[bytes] = ..., control: _Optional[bytes] = ..., vote: _Optional[bytes] = ..., decisions: _Optional[_Iterable[_Union[_types_pb2.CertificateFile, _Mapping]]] = ..., records: _Optional[_Iterable[_Union[_types_pb2.SignedRegistryRecord, _Mapping]]] = ...) -> None: ...
