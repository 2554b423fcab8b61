"""Shared lists of registries: one owner each, and nobody else speaks under its id."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US, R1, R2, digest, signing_key
from proto.adverts import read_advert
from proto.envelope import Envelope
from proto.limits import MAX_ADVERT_REGISTRIES, MAX_SEQUENCE
from proto.registry_list import LIST_KIND, list_from_text, list_id, make_list, read_list
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical

OWNER, THIEF = signing_key("list owner"), signing_key("thief")
IDS = sorted((R1.id, R2.id))
LIST = make_list(OWNER, [R2.id, R1.id, R2.id], 3, NOW_US + 10)


def test_a_list_says_what_was_signed() -> None:
    assert (LIST.owner, LIST.registries, LIST.sequence) == (OWNER.public, {R1.id, R2.id}, 3)
    assert LIST.id == list_id(OWNER.public) != list_id(THIEF.public)
    assert list_from_text(LIST.to_text() + "\n") == LIST
    assert read_advert(LIST.signed, NOW_US) == LIST
    assert LIST.key == (LIST_KIND, LIST.id)


def test_the_next_edition_is_the_owners() -> None:
    later = make_list(OWNER, [R1.id], 4, NOW_US)
    assert later.replaces(LIST) and not LIST.replaces(later) and not LIST.replaces(LIST)
    assert not make_list(THIEF, [R1.id], 9, NOW_US).replaces(LIST)


def test_an_expired_list_is_no_advert() -> None:
    with pytest.raises(WireFault):
        read_advert(LIST.signed, NOW_US + 10_000_000)


def forged(**changes: object) -> bytes:
    message = pb.RegistryListAdvert(
        owner=OWNER.public, list_id=LIST.id, registries=IDS, sequence=3, expires_at_us=NOW_US
    )
    for name, value in changes.items():
        if name == "registries":
            del message.registries[:]
            message.registries.extend(value)  # type: ignore[arg-type]
        else:
            setattr(message, name, value)
    return canonical(message)


def sealed(payload: bytes, key: object = OWNER, kind: str = LIST_KIND) -> bytes:
    return Envelope.seal(key, kind, payload).encode()  # type: ignore[arg-type]


MANY = sorted(digest(f"r{i}") for i in range(MAX_ADVERT_REGISTRIES + 1))
FORGED: dict[str, Callable[[], bytes]] = {
    "by a thief": lambda: sealed(forged(), THIEF),
    "a thief's, under the owner's id": lambda: sealed(forged(owner=THIEF.public), THIEF),
    "under another id": lambda: sealed(forged(list_id=list_id(THIEF.public))),
    "of another kind": lambda: sealed(forged(), kind="pledgeway/node-advert/v1"),
    "without a registry": lambda: sealed(forged(registries=[])),
    "with too many": lambda: sealed(forged(registries=MANY)),
    "unsorted": lambda: sealed(forged(registries=IDS[::-1])),
    "one twice": lambda: sealed(forged(registries=[R1.id, R1.id])),
    "a short id": lambda: sealed(forged(registries=[b"r"])),
    "an endless sequence": lambda: sealed(forged(sequence=MAX_SEQUENCE + 1)),
    "no message": lambda: sealed(b"\xff"),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_lists(name: str) -> None:
    assert read_list(sealed(forged())).registries == LIST.registries
    with pytest.raises(WireFault):
        read_list(FORGED[name]())


@given(st.integers(0, len(LIST.signed) * 8 - 1))
def test_a_flipped_bit_fails_or_says_the_same(bit: int) -> None:
    data = bytearray(LIST.signed)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = read_list(bytes(data))
    except WireFault:
        return
    assert (read.owner, read.registries, read.sequence) == (
        LIST.owner,
        LIST.registries,
        LIST.sequence,
    )
