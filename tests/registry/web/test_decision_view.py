"""What a page says about a decision: read out of the statement, its proof checked as by anybody."""

from dataclasses import replace

import pytest

from proto.limits import US
from proto.policy import single
from proto.statement import SignedStatement
from proto.tlog_proof import LogProof
from proto.wire import WireFault
from registry.published import Cosigned
from registry.web.decision_view import DecisionView, decision_view
from tests.proto.build import DESCRIPTOR, committed_leaf, make_commit
from tests.proto.witnessed import INDEX, NAMES, SIZE, W1
from tests.registry.build import collective

LEAF = committed_leaf(make_commit(DESCRIPTOR), DESCRIPTOR)
SIGNED = W1.sign_statement(LEAF.encode())


def view_of(signed: SignedStatement, descriptor: bytes = b"") -> DecisionView:
    return decision_view(signed, descriptor, True, W1.record)


def test_it_is_read_out_of_the_statement() -> None:
    view = view_of(SIGNED, DESCRIPTOR.encode())
    assert view.leaf == LEAF
    assert view.committed
    assert (view.log_origin, view.log_index) == (W1.origin(LEAF.encode()), INDEX)
    assert view.commit_id == LEAF.commit_id.hex()
    assert view.proof is None


@pytest.mark.parametrize(
    ("decided_us", "margin"),
    [(-2_500_000, "2.5 seconds before"), (0, "0\u202fms before"), (1_000, "1\u202fms after")],
)
def test_how_far_from_the_deadline(decided_us: int, margin: str) -> None:
    view = view_of(SIGNED)
    leaf = replace(LEAF, decided_at_us=LEAF.deadline_us + decided_us)
    assert replace(view, leaf=leaf).margin == margin


def test_who_decides() -> None:
    assert view_of(SIGNED).members == 0, "of a passed deadline nobody can tell"
    assert not view_of(SIGNED).alone
    several = replace(DESCRIPTOR, policy=collective(3))
    view = view_of(SIGNED, several.encode())
    assert (view.members, view.alone) == (3, False)
    alone = replace(DESCRIPTOR, policy=single(W1.id))
    assert view_of(SIGNED, alone.encode()).alone


def test_a_proof_with_its_witnesses() -> None:
    shown = view_of(W1.proof(SIGNED, {0: 1000, 2: 1003})).proof
    assert shown is not None
    assert (shown.size, shown.origin) == (SIZE, W1.origin(LEAF.encode()))
    assert shown.cosigned == (Cosigned(NAMES[0], 1000 * US), Cosigned(NAMES[2], 1003 * US))


def test_a_proof_that_proves_something_else_is_not_shown() -> None:
    """Our own files could be damaged; a page must not say "proven" then."""
    good = W1.proof(SIGNED, {0: 1000})
    for bad in (
        W1.proof(SIGNED, {0: 1000}, leaf=b"another leaf"),
        W1.proof(SIGNED, {0: 1000}, key=W1.cosigners[0]),
        replace(good, tlog_proof=replace(LogProof.decode(good.tlog_proof), index=4).encode()),
    ):
        assert view_of(bad).proof is None
    with pytest.raises(WireFault):
        view_of(replace(good, tlog_proof=b"no proof"))
