"""Who decides beside a registry: commands, their folder, and records that members renew."""

import json
from pathlib import Path

import pytest

from node.command.sim.cast import (
    R1,
    R2,
    R3,
    root_of,
    signing_key,
    sorted_keys,
    statement_key_certificate,
)
from proto.key_certificate import certify_key
from proto.keys import SigningKey
from proto.registry_record import read_record, sign_record, sign_root
from proto.v1 import types_pb2 as pb
from registry.home import Home, HomeFault, load_members
from registry.relay_members import Members, keep_member
from tests.command_line import good, no

pytestmark = pytest.mark.edge


@pytest.fixture
def homes(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"r{i}" for i in range(1, 4)]
    for home in made:
        good("init", home, "--name", home.name.upper())
    return made


# ------------------------------------------------------------------ commands


def test_every_command_teaches_with_an_example() -> None:
    for group, names in (
        ("policy", ("make", "show", "explain")),
        ("member", ("add", "list", "drop")),
    ):
        assert f"pledgeway registry {group}" in good(group, "--help")
        for name in names:
            text = good(group, name, "--help")
            assert f"pledgeway registry {group} {name}" in text and "Exit status" in text


def test_a_policy_is_made_and_shown(homes: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "harbours.policy"
    said = good("policy", "make", *homes, "--out", file)
    assert "2/2 of 3" in said and "R1" in said and f"policy add NAME {file}" in said
    shown = json.loads(good("policy", "show", file, "--json"))
    ids = sorted(read_record((h / "registry.record").read_bytes()).registry.hex() for h in homes)
    assert shown["members"] == ids and shown["declines"] is True
    assert (shown["qc"], shown["qa"], shown["f"], shown["delta_ms"]) == (2, 2, 0, 2000)
    assert "2/2 of 3" in good("policy", "show", file)
    assert "left as it is" in no(2, "policy", "make", *homes, "--out", file)
    assert "twice" in no(2, "policy", "make", homes[0], homes[0])
    assert "n + f + 1" in no(2, "policy", "make", *homes, "--commit-quorum", "1")
    assert "silent" in no(2, "policy", "make", *homes, "--liars", "1")
    assert "cannot be read" in no(2, "policy", "make", tmp_path / "nobody")
    assert "policy make" in no(2, "policy", "show", homes[0] / "registry.record")


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"kind": "pledgeway policy 1"}'])
def test_what_is_no_policy_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x"
    file.write_text(content)
    assert str(file) in no(2, "policy", "show", file)


@pytest.mark.parametrize(
    ("count", "figures", "liars"),
    [("3", "2/2 of 3", "none tolerated"), ("4", "3/3 of 4", "1 member may lie"),
     ("7", "5/5 of 7", "2 members may lie"), ("1", "1/1 of 1", "lie about the time")],
)  # fmt: skip
def test_explaining_needs_no_registry(count: str, figures: str, liars: str) -> None:
    text = good("policy", "explain", count)
    assert figures in text and liars in text and "stuck" in text


def test_members_come_and_go(homes: list[Path]) -> None:
    assert "decides alone" in good("member", "list", homes[0])
    assert good("member", "add", *homes).count(".record") == 2
    assert good("member", "add", *homes).count(".record") == 2, "again is no fault"
    listed = json.loads(good("member", "list", homes[0], "--json"))["members"]
    assert [m["name"] for m in listed] == ["R2", "R3"]
    assert "itself" in no(2, "member", "add", homes[0], homes[0])
    assert "R2" in good("member", "drop", homes[0], "R2")
    assert "R3" in good("member", "drop", homes[0], listed[1]["id"][:8])
    assert "decides alone" in good("member", "list", homes[0])
    assert "no member is called" in no(1, "member", "drop", homes[0], "R2")
    assert len(load_members(Home(homes[1]))) == 0, "each operator adds for himself"


# ------------------------------------------------------------------ records that change


def renewed(sequence: int, *more_roots: pb.SignedRoot, signers: list[SigningKey]) -> bytes:
    """R2's record with another sequence, and a longer chain of roots where some are given."""
    signed = pb.SignedRegistryRecord.FromString(R2.record.signed)
    record = pb.RegistryRecord.FromString(signed.record)
    record.sequence = sequence
    record.roots.extend(more_roots)
    if more_roots:
        certificate = statement_key_certificate(R2.id, R2.online)
        del record.keys[:]
        record.keys.append(certify_key(signers[0], certificate))
    return sign_record(record, signers)


def second_root(label: str) -> tuple[pb.SignedRoot, list[SigningKey]]:
    keys = sorted_keys(label)
    root = root_of(keys, version=2, threshold=1)
    return sign_root(root, [*R2.operators[:2], *keys]), keys


@pytest.fixture
def members(tmp_path: Path) -> Members:
    keep_member(Home(tmp_path), R2.record)
    keep_member(Home(tmp_path), R1.record)
    return Members(Home(tmp_path), R1.id)


def test_a_member_renews_its_own_record(members: Members, tmp_path: Path) -> None:
    operators = list(R2.operators[:2])
    before = members.records
    assert set(before) == {R2.id}, "our own is none"
    assert members.offer(renewed(5, signers=operators))
    assert before[R2.id].sequence == 5, "whoever holds the mapping sees the newest"
    assert Members(Home(tmp_path), R1.id).records[R2.id].sequence == 5, "kept on disk"
    for old in (renewed(5, signers=operators), renewed(4, signers=operators), R2.record.signed):
        assert not members.offer(old)
    assert not members.offer(R3.record.signed), "nobody lets himself in"
    assert not members.offer(b"\xff") and not members.offer(b"")
    thieves = [signing_key("thief"), signing_key("thief 2")]
    assert not members.offer(renewed(9, signers=thieves))
    assert members.records[R2.id].sequence == 5


def test_a_chain_of_roots_is_continued_and_never_replaced(members: Members) -> None:
    """Whoever steals the keys of the first root after it was replaced could begin another chain."""
    root, keys = second_root("new")
    assert members.offer(renewed(5, root, signers=keys))
    forked, thieves = second_root("stolen")
    assert not members.offer(renewed(9, forked, signers=thieves))
    assert not members.offer(renewed(9, signers=list(R2.operators[:2])))
    assert members.offer(renewed(6, root, signers=keys))


def test_the_folder_wins_only_with_what_is_newer(members: Members, tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert members.offer(renewed(5, signers=list(R2.operators[:2])))
    assert not members.reread()
    with pytest.raises(HomeFault):
        keep_member(home, R2.record)
    keep_member(home, R3.record)
    assert members.reread() and set(members.records) == {R2.id, R3.id}
    (home.members / "broken.record").write_bytes(b"\xff")
    assert not members.reread() and set(members.records) == {R2.id, R3.id}
    (home.members / "broken.record").unlink()
    other = home.members / "r3 by hand.record"
    other.write_bytes(R3.record.signed)
    keep_member(home, R3.record)
    assert not other.exists(), "one registry, one file"
    for file in home.members.glob("*.record"):
        file.unlink()
    assert members.reread() and not members.records
