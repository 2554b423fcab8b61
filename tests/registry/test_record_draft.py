"""Ceremonies: who signs what, in which order, and what a draft is worth meanwhile."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import signing_key
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.registry_record import read_record
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from registry.key_change import ChangeRefused, with_new_key, with_revocation, with_root
from registry.record import content_of
from registry.record_draft import RECORD_PART, Draft, begin, merge, sign_draft
from tests.proto.successions import FIRST, NEW, OLD, ONLINE, OWNER

FRESH = KeyCertificate(OWNER, KeyPurpose.STATEMENT, signing_key("fresh").public, 5, 9)


def changed(record: pb.RegistryRecord) -> Draft:
    record.sequence = FIRST.sequence + 1
    return begin(record)


def rotation() -> Draft:
    return changed(with_new_key(content_of(FIRST.signed), FRESH))


def new_root() -> Draft:
    keys = [key.public for key in NEW]
    return changed(with_root(content_of(FIRST.signed), keys, 2))


def signed(draft: Draft, *keys: SigningKey) -> Draft:
    for key in keys:
        draft, _ = sign_draft(draft, key)
    return draft


def test_a_change_of_content_needs_one_round() -> None:
    draft = changed(with_revocation(content_of(FIRST.signed), ONLINE.public, 7))
    assert [(m.part, m.lacking) for m in draft.missing()] == [(RECORD_PART, 2)]
    draft = signed(draft, OLD[0], OLD[1])
    assert draft.missing() == []
    record = read_record(draft.data)
    assert record.replaces(FIRST) and record.revoked_from_us(ONLINE.public) == 7


def test_a_new_key_is_signed_before_the_record_around_it() -> None:
    draft, done = sign_draft(rotation(), OLD[0])
    assert done == ["key 3"]
    draft, done = sign_draft(draft, OLD[1])
    assert done == ["key 3", RECORD_PART]
    assert sign_draft(draft, OLD[1])[1] == [], "twice is once"
    with pytest.raises(WireFault):
        read_record(draft.data)
    draft, done = sign_draft(draft, OLD[2])
    assert done == [RECORD_PART], "the key has enough: another signature would change the record"
    assert FRESH in read_record(draft.data).statement_keys


@pytest.mark.parametrize("order", list(permutations(OLD)))
def test_operators_may_sign_side_by_side(order: tuple[SigningKey, ...]) -> None:
    """Each signs a copy; put together they are asked once more, for the whole."""
    draft = rotation()
    draft = merge([signed(draft, key) for key in order])
    assert {m.part for m in draft.missing()} <= {RECORD_PART}
    draft = merge([signed(draft, key) for key in order[:2]])
    assert draft.missing() == []
    assert FRESH in read_record(draft.data).statement_keys


def test_a_new_root_needs_the_old_and_the_new_threshold() -> None:
    draft = new_root()
    for few in (OLD, NEW, [OLD[0], *NEW], [*OLD, NEW[0]]):
        assert signed(draft, *few, *few).missing()
    draft = signed(draft, OLD[0], OLD[1], NEW[0], NEW[1])
    assert {m.part for m in draft.missing()} == {RECORD_PART}
    draft = signed(draft, *OLD)
    assert {m.part for m in draft.missing()} == {RECORD_PART}, "they are no operators any more"
    record = read_record(signed(draft, NEW[0], NEW[2]).data)
    assert record.replaces(FIRST) and record.registry == OWNER
    assert record.statement_keys == FIRST.statement_keys, "certified anew"


def test_drafts_of_different_records_are_not_put_together() -> None:
    with pytest.raises(WireFault):
        merge([rotation(), new_root()])


def test_a_strangers_signature_is_left_out() -> None:
    stranger = signing_key("stranger")
    draft, done = sign_draft(rotation(), stranger)
    assert done == [] and draft == rotation()
    forged = pb.SignedRegistryRecord.FromString(rotation().data)
    record = pb.RegistryRecord.FromString(forged.record)
    record.keys[-1].signatures.add(key=OLD[0].public, signature=bytes(64))
    forged.record = record.SerializeToString(deterministic=True)
    draft = merge([rotation(), Draft(forged.SerializeToString())])
    assert draft == rotation()
    complete = signed(merge([Draft(forged.SerializeToString()), rotation()]), *OLD, *OLD)
    assert complete.missing() == [], "a worthless signature keeps nobody's out"


def test_there_is_an_end_to_everything() -> None:
    record = content_of(FIRST.signed)
    changes = (
        lambda r: with_new_key(r, FRESH),
        lambda r: with_revocation(r, b"k", 1),
        lambda r: with_root(r, [key.public for key in OLD], 1),
    )
    for change in changes:
        following = record
        with pytest.raises(ChangeRefused):
            for _ in range(100):
                following = change(following)


LINE = signed(rotation(), OLD[0]).encode()


def test_a_draft_is_one_line_of_text() -> None:
    assert "\n" not in LINE
    assert Draft.decode(f"  {LINE[:50]}\n{LINE[50:]}\n").encode() == LINE


@given(st.integers(0, len(LINE) - 1), st.sampled_from("Aa0_-:"))
def test_a_broken_draft_is_a_fault_or_lacks_signatures(at: int, character: str) -> None:
    try:
        draft = Draft.decode(LINE[:at] + character + LINE[at + 1 :])
        draft.missing()
        merge([draft, draft])
        sign_draft(draft, OLD[1])
    except WireFault:
        pass
