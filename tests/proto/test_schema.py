"""The schema itself: no map, no float, and the same numbers as the enums in the code."""

from enum import IntEnum
from types import ModuleType

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from proto.keys import KeyPurpose
from proto.statement import DecisionReason, InterimKind, Outcome
from proto.v1 import control_pb2, node_pb2, pathfinder_pb2, registry_pb2, types_pb2
from proto.wire import WireFault, canonical, parse, parse_canonical

SCHEMAS = (types_pb2, registry_pb2, node_pb2, control_pb2, pathfinder_pb2)
FLOATS = {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}


def messages(schema: ModuleType) -> list[Descriptor]:
    found = list(schema.DESCRIPTOR.message_types_by_name.values())
    for message in found:
        found.extend(message.nested_types)
    return found


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda s: s.__name__)
def test_no_map_and_no_float(schema: ModuleType) -> None:
    for message in messages(schema):
        assert not message.GetOptions().map_entry, message.full_name
        for field in message.fields:
            assert field.type not in FLOATS, field.full_name


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda s: s.__name__)
def test_one_package(schema: ModuleType) -> None:
    assert schema.DESCRIPTOR.package == "pledgeway.v1"


@pytest.mark.parametrize("kind", [Outcome, DecisionReason, InterimKind, KeyPurpose])
def test_enums_agree_with_the_schema(kind: type[IntEnum]) -> None:
    schema: EnumDescriptor = types_pb2.DESCRIPTOR.enum_types_by_name[kind.__name__]
    numbers = {v.name: v.number for v in schema.values}
    unspecified = [n for n in numbers if n.endswith("_UNSPECIFIED")]
    assert [numbers.pop(n) for n in unspecified] == [0]
    assert numbers == {member.name: member.value for member in kind}


def test_every_enum_of_the_schema_has_an_unspecified_zero() -> None:
    for schema in SCHEMAS:
        for kind in schema.DESCRIPTOR.enum_types_by_name.values():
            assert kind.values_by_number[0].name.endswith("_UNSPECIFIED"), kind.full_name


def test_parse_has_one_error() -> None:
    assert parse(types_pb2.FenceLeaf, b"\x08\x05").closed_through_us == 5
    for data in (b"\xff", b"\x08", b"\x0a\x05ab", b"\x00", b"\x0f"):
        with pytest.raises(WireFault):
            parse(types_pb2.FenceLeaf, data)
    with pytest.raises(WireFault):  # a string that is no UTF-8
        parse(types_pb2.Envelope, b"\x0a\x01\xff")


def test_parse_survives_deep_nesting() -> None:
    """Groups within groups, as an unknown field: an error, not a crash."""
    with pytest.raises(WireFault):
        parse(types_pb2.FenceLeaf, b"\x4b" * 10_000 + b"\x4c" * 10_000)


def test_canonical_is_the_one_form() -> None:
    leaf = types_pb2.FenceLeaf(closed_through_us=300)
    assert parse_canonical(types_pb2.FenceLeaf, canonical(leaf)) == leaf
    for data in (
        b"\x08\xac\x82\x00",
        b"\x08\x01\x08\xac\x02",
        b"\x08\xac\x02\x10\x01",
        b"\x08\x00",
    ):
        parse(types_pb2.FenceLeaf, data)
        with pytest.raises(WireFault):
            parse_canonical(types_pb2.FenceLeaf, data)
