from proto.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegistryRefusal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REGISTRY_REFUSAL_UNSPECIFIED: _ClassVar[RegistryRefusal]
    INVALID_DESCRIPTOR: _ClassVar[RegistryRefusal]
    NOT_A_MEMBER: _ClassVar[RegistryRefusal]
    TOO_FAR: _ClassVar[RegistryRefusal]
    TOO_SOON: _ClassVar[RegistryRefusal]
    BAD_EVIDENCE: _ClassVar[RegistryRefusal]
    OVER_QUOTA: _ClassVar[RegistryRefusal]
    CLOCK_UNSAFE: _ClassVar[RegistryRefusal]
    LOG_STALLED: _ClassVar[RegistryRefusal]
REGISTRY_REFUSAL_UNSPECIFIED: RegistryRefusal
INVALID_DESCRIPTOR: RegistryRefusal
NOT_A_MEMBER: RegistryRefusal
TOO_FAR: RegistryRefusal
TOO_SOON: RegistryRefusal
BAD_EVIDENCE: RegistryRefusal
OVER_QUOTA: RegistryRefusal
CLOCK_UNSAFE: RegistryRefusal
LOG_STALLED: RegistryRefusal

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AnnounceRequest(_message.Message):
    __slots__ = ("descriptors",)
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, descriptors: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AnnounceResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    def __init__(self, answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ...) -> None: ...

class Decline(_message.Message):
    __slots__ = ("descriptor", "preimage")
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    PREIMAGE_FIELD_NUMBER: _ClassVar[int]
    descriptor: bytes
    preimage: bytes
    def __init__(self, descriptor: _Optional[bytes] = ..., preimage: _Optional[bytes] = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ("descriptor", "commit_id")
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    descriptor: bytes
    commit_id: bytes
    def __init__(self, descriptor: _Optional[bytes] = ..., commit_id: _Optional[bytes] = ...) -> None: ...

class DecideItem(_message.Message):
    __slots__ = ("commit", "decline", "query")
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    DECLINE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    commit: _types_pb2.Commit
    decline: Decline
    query: Query
    def __init__(self, commit: _Optional[_Union[_types_pb2.Commit, _Mapping]] = ..., decline: _Optional[_Union[Decline, _Mapping]] = ..., query: _Optional[_Union[Query, _Mapping]] = ...) -> None: ...

class DecideRequest(_message.Message):
    __slots__ = ("items", "batch")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[DecideItem]
    batch: int
    def __init__(self, items: _Optional[_Iterable[_Union[DecideItem, _Mapping]]] = ..., batch: _Optional[int] = ...) -> None: ...

class DecideResponse(_message.Message):
    __slots__ = ("answers", "batch")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    batch: int
    def __init__(self, answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ..., batch: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("descriptors",)
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    descriptors: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, descriptors: _Optional[_Iterable[bytes]] = ...) -> None: ...

class RelayRequest(_message.Message):
    __slots__ = ("commits",)
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    commits: _containers.RepeatedCompositeFieldContainer[_types_pb2.Commit]
    def __init__(self, commits: _Optional[_Iterable[_Union[_types_pb2.Commit, _Mapping]]] = ...) -> None: ...

class RelayResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    def __init__(self, answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ...) -> None: ...

class RegistryRefused(_message.Message):
    __slots__ = ("reason", "figure")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    reason: RegistryRefusal
    figure: int
    def __init__(self, reason: _Optional[_Union[RegistryRefusal, str]] = ..., figure: _Optional[int] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("final", "interim", "refusal", "commit", "commit_id")
    FINAL_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    final: _types_pb2.SignedStatement
    interim: _types_pb2.SignedInterim
    refusal: RegistryRefused
    commit: _types_pb2.Commit
    commit_id: bytes
    def __init__(self, final: _Optional[_Union[_types_pb2.SignedStatement, _Mapping]] = ..., interim: _Optional[_Union[_types_pb2.SignedInterim, _Mapping]] = ..., refusal: _Optional[_Union[RegistryRefused, _Mapping]] = ..., commit: _Optional[_Union[_types_pb2.Commit, _Mapping]] = ..., commit_id: _Optional[bytes] = ...) -> None: ...
