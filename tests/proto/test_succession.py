"""Which record replaces which: whoever keeps records asks `replaces`, and nothing else."""

import pytest

from node.command.sim.cast import R1, record_message
from proto.limits import MAX_RECORD_SEQUENCE, MAX_ROOTS
from proto.registry_record import read_record, sign_record
from proto.wire import WireFault
from tests.proto.successions import (
    BY_OLD_OPERATORS,
    FIRST,
    FORKED,
    HELPED_BY_NOTHING,
    OLD,
    ROTATED,
    ROTATED_AGAIN,
    SECOND,
    record_by,
)


def test_the_next_record_replaces_the_one_before() -> None:
    order = [FIRST, SECOND, ROTATED, ROTATED_AGAIN]
    for i, fresh in enumerate(order):
        for j, known in enumerate(order):
            assert fresh.replaces(known) == (i > j)


def test_nothing_by_former_operators_replaces_a_record_of_the_new_ones() -> None:
    for forged in HELPED_BY_NOTHING:
        assert not forged.replaces(ROTATED)
        assert not forged.replaces(ROTATED_AGAIN)


def test_former_operators_cannot_keep_the_new_ones_out_by_a_sequence() -> None:
    """Whoever heard of theirs first takes the true one all the same."""
    assert ROTATED.sequence < BY_OLD_OPERATORS.sequence
    assert ROTATED.replaces(BY_OLD_OPERATORS)
    assert not ROTATED.replaces(FORKED), "of two forks the first stays: nobody can tell which"


def test_another_registry_replaces_nothing() -> None:
    assert not R1.record.replaces(FIRST)


def test_ranks_fit_63_bits() -> None:
    last = record_by(*([OLD] * MAX_ROOTS), sequence=MAX_RECORD_SEQUENCE)
    assert last.rank < 2**63
    assert record_by(OLD, OLD, sequence=0).rank > record_by(OLD, sequence=MAX_RECORD_SEQUENCE).rank
    message = record_message("r", OLD)
    message.sequence = MAX_RECORD_SEQUENCE + 1
    with pytest.raises(WireFault):
        read_record(sign_record(message, OLD))
