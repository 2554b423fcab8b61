"""Registries and witnesses that keep the records of others: newer ones of the same operators."""

from pathlib import Path

import pytest

from node.command.sim.cast import R1
from proto.registry_record import RegistryRecord
from registry.home import Home, HomeFault, load_members
from registry.relay_members import Members, keep_member
from registry.witness.trust import add_log, load_logs
from tests.proto.successions import (
    FIRST,
    HELPED_BY_NOTHING,
    OWNER,
    ROTATED,
    ROTATED_AGAIN,
)

pytestmark = pytest.mark.edge

FORGED = [record for record in HELPED_BY_NOTHING if record != ROTATED]


@pytest.mark.parametrize("forged", FORGED)
def test_a_member_s_record_yields_to_its_successor_alone(
    tmp_path: Path, forged: RegistryRecord
) -> None:
    home = Home(tmp_path)
    keep_member(home, FIRST)
    members = Members(home, R1.id)
    assert members.offer(ROTATED.signed)
    assert not members.offer(forged.signed)
    with pytest.raises(HomeFault):
        keep_member(home, forged)
    (home.members / "by-hand.record").write_bytes(forged.signed)
    members.reread()
    assert members.records == {OWNER: ROTATED}
    assert members.offer(ROTATED_AGAIN.signed)
    assert members.records == {OWNER: ROTATED_AGAIN}


def test_of_two_files_of_one_member_the_successor_counts(tmp_path: Path) -> None:
    """Whatever their names are: an operator may have laid the newer one beside the older."""
    home = Home(tmp_path)
    home.members.mkdir()
    for names in (("a", "b"), ("b", "a")):
        for name, record in zip(names, (FIRST, ROTATED), strict=True):
            (home.members / f"{name}.record").write_bytes(record.signed)
        assert load_members(home) == {OWNER: ROTATED}


@pytest.mark.parametrize("forged", FORGED)
def test_a_witness_s_log_yields_to_its_successor_alone(
    tmp_path: Path, forged: RegistryRecord
) -> None:
    def add(record: RegistryRecord) -> None:
        (tmp_path / "offered").write_bytes(record.signed)
        add_log(tmp_path / "logs", tmp_path / "offered")

    add(FIRST)
    add(ROTATED)
    add(ROTATED)
    with pytest.raises(HomeFault):
        add(forged)
    assert load_logs(tmp_path / "logs") == [ROTATED]
    add(ROTATED_AGAIN)
    assert load_logs(tmp_path / "logs") == [ROTATED_AGAIN]
