from proto.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LineEnds(_message.Message):
    __slots__ = ("promisor", "promisee")
    PROMISOR_FIELD_NUMBER: _ClassVar[int]
    PROMISEE_FIELD_NUMBER: _ClassVar[int]
    promisor: bytes
    promisee: bytes
    def __init__(self, promisor: _Optional[bytes] = ..., promisee: _Optional[bytes] = ...) -> None: ...

class LineRoom(_message.Message):
    __slots__ = ("ends", "available")
    ENDS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    ends: LineEnds
    available: int
    def __init__(self, ends: _Optional[_Union[LineEnds, _Mapping]] = ..., available: _Optional[int] = ...) -> None: ...

class RouteQuery(_message.Message):
    __slots__ = ("payer", "payee", "brand", "amount", "candidates", "accepted", "levels", "last_levels", "payee_margin_us", "latest_deadline_us", "max_hops", "max_cost", "avoid_lines", "avoid_nodes", "max_risk", "learned", "max_parts", "split_to_save", "unit", "unexplained", "first_levels", "deadline_us")
    PAYER_FIELD_NUMBER: _ClassVar[int]
    PAYEE_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    LAST_LEVELS_FIELD_NUMBER: _ClassVar[int]
    PAYEE_MARGIN_US_FIELD_NUMBER: _ClassVar[int]
    LATEST_DEADLINE_US_FIELD_NUMBER: _ClassVar[int]
    MAX_HOPS_FIELD_NUMBER: _ClassVar[int]
    MAX_COST_FIELD_NUMBER: _ClassVar[int]
    AVOID_LINES_FIELD_NUMBER: _ClassVar[int]
    AVOID_NODES_FIELD_NUMBER: _ClassVar[int]
    MAX_RISK_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    MAX_PARTS_FIELD_NUMBER: _ClassVar[int]
    SPLIT_TO_SAVE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    UNEXPLAINED_FIELD_NUMBER: _ClassVar[int]
    FIRST_LEVELS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_US_FIELD_NUMBER: _ClassVar[int]
    payer: bytes
    payee: bytes
    brand: bytes
    amount: int
    candidates: _containers.RepeatedCompositeFieldContainer[_types_pb2.RegistryPolicy]
    accepted: _containers.RepeatedCompositeFieldContainer[_types_pb2.RegistryPolicy]
    levels: _containers.RepeatedScalarFieldContainer[int]
    last_levels: _containers.RepeatedScalarFieldContainer[int]
    payee_margin_us: int
    latest_deadline_us: int
    max_hops: int
    max_cost: int
    avoid_lines: _containers.RepeatedCompositeFieldContainer[LineEnds]
    avoid_nodes: _containers.RepeatedScalarFieldContainer[bytes]
    max_risk: int
    learned: _containers.RepeatedCompositeFieldContainer[LineRoom]
    max_parts: int
    split_to_save: bool
    unit: int
    unexplained: bool
    first_levels: _containers.RepeatedScalarFieldContainer[int]
    deadline_us: int
    def __init__(self, payer: _Optional[bytes] = ..., payee: _Optional[bytes] = ..., brand: _Optional[bytes] = ..., amount: _Optional[int] = ..., candidates: _Optional[_Iterable[_Union[_types_pb2.RegistryPolicy, _Mapping]]] = ..., accepted: _Optional[_Iterable[_Union[_types_pb2.RegistryPolicy, _Mapping]]] = ..., levels: _Optional[_Iterable[int]] = ..., last_levels: _Optional[_Iterable[int]] = ..., payee_margin_us: _Optional[int] = ..., latest_deadline_us: _Optional[int] = ..., max_hops: _Optional[int] = ..., max_cost: _Optional[int] = ..., avoid_lines: _Optional[_Iterable[_Union[LineEnds, _Mapping]]] = ..., avoid_nodes: _Optional[_Iterable[bytes]] = ..., max_risk: _Optional[int] = ..., learned: _Optional[_Iterable[_Union[LineRoom, _Mapping]]] = ..., max_parts: _Optional[int] = ..., split_to_save: _Optional[bool] = ..., unit: _Optional[int] = ..., unexplained: _Optional[bool] = ..., first_levels: _Optional[_Iterable[int]] = ..., deadline_us: _Optional[int] = ...) -> None: ...

class RouteAnswer(_message.Message):
    __slots__ = ("found", "none", "exact")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    found: RouteFound
    none: RouteNone
    exact: bool
    def __init__(self, found: _Optional[_Union[RouteFound, _Mapping]] = ..., none: _Optional[_Union[RouteNone, _Mapping]] = ..., exact: _Optional[bool] = ...) -> None: ...

class RouteFound(_message.Message):
    __slots__ = ("chains", "policy", "deadline_us", "adverts")
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_US_FIELD_NUMBER: _ClassVar[int]
    ADVERTS_FIELD_NUMBER: _ClassVar[int]
    chains: _containers.RepeatedCompositeFieldContainer[RouteChain]
    policy: _types_pb2.RegistryPolicy
    deadline_us: int
    adverts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, chains: _Optional[_Iterable[_Union[RouteChain, _Mapping]]] = ..., policy: _Optional[_Union[_types_pb2.RegistryPolicy, _Mapping]] = ..., deadline_us: _Optional[int] = ..., adverts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class RouteChain(_message.Message):
    __slots__ = ("hops", "modes")
    HOPS_FIELD_NUMBER: _ClassVar[int]
    MODES_FIELD_NUMBER: _ClassVar[int]
    hops: _containers.RepeatedCompositeFieldContainer[RouteHop]
    modes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, hops: _Optional[_Iterable[_Union[RouteHop, _Mapping]]] = ..., modes: _Optional[_Iterable[int]] = ...) -> None: ...

class RouteHop(_message.Message):
    __slots__ = ("promisor", "promisee", "level", "amount", "expiry_us")
    PROMISOR_FIELD_NUMBER: _ClassVar[int]
    PROMISEE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_US_FIELD_NUMBER: _ClassVar[int]
    promisor: bytes
    promisee: bytes
    level: int
    amount: int
    expiry_us: int
    def __init__(self, promisor: _Optional[bytes] = ..., promisee: _Optional[bytes] = ..., level: _Optional[int] = ..., amount: _Optional[int] = ..., expiry_us: _Optional[int] = ...) -> None: ...

class RouteNone(_message.Message):
    __slots__ = ("reasons", "skipped")
    REASONS_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    reasons: _containers.RepeatedCompositeFieldContainer[RouteReason]
    skipped: _containers.RepeatedCompositeFieldContainer[RouteSkipped]
    def __init__(self, reasons: _Optional[_Iterable[_Union[RouteReason, _Mapping]]] = ..., skipped: _Optional[_Iterable[_Union[RouteSkipped, _Mapping]]] = ...) -> None: ...

class RouteSkipped(_message.Message):
    __slots__ = ("what", "labels")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    what: str
    labels: int
    def __init__(self, what: _Optional[str] = ..., labels: _Optional[int] = ...) -> None: ...

class RouteReason(_message.Message):
    __slots__ = ("rule", "node", "line", "figure", "text", "chain", "levels", "registry", "cost", "code", "unit", "registries", "mode", "level", "bars")
    RULE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    REGISTRIES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    BARS_FIELD_NUMBER: _ClassVar[int]
    rule: str
    node: str
    line: _containers.RepeatedScalarFieldContainer[str]
    figure: int
    text: str
    chain: _containers.RepeatedScalarFieldContainer[str]
    levels: _containers.RepeatedScalarFieldContainer[str]
    registry: str
    cost: int
    code: str
    unit: str
    registries: _containers.RepeatedScalarFieldContainer[str]
    mode: str
    level: str
    bars: int
    def __init__(self, rule: _Optional[str] = ..., node: _Optional[str] = ..., line: _Optional[_Iterable[str]] = ..., figure: _Optional[int] = ..., text: _Optional[str] = ..., chain: _Optional[_Iterable[str]] = ..., levels: _Optional[_Iterable[str]] = ..., registry: _Optional[str] = ..., cost: _Optional[int] = ..., code: _Optional[str] = ..., unit: _Optional[str] = ..., registries: _Optional[_Iterable[str]] = ..., mode: _Optional[str] = ..., level: _Optional[str] = ..., bars: _Optional[int] = ...) -> None: ...

class PathFinderStatusQuery(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PathFinderStatus(_message.Message):
    __slots__ = ("node", "alias", "nodes", "lines", "answered", "now_us", "neighbours")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    alias: str
    nodes: int
    lines: int
    answered: int
    now_us: int
    neighbours: int
    def __init__(self, node: _Optional[bytes] = ..., alias: _Optional[str] = ..., nodes: _Optional[int] = ..., lines: _Optional[int] = ..., answered: _Optional[int] = ..., now_us: _Optional[int] = ..., neighbours: _Optional[int] = ...) -> None: ...
