"""Which registries may decide about an exchange: those of the parties and of every registrar."""

from dataclasses import replace

from node.escrow.judging import accepted_by
from proto.keys import NodeId
from proto.policy import single
from tests.node.escrow.rights import right

ONE, TWO, THREE = (single(NodeId(bytes((n,)) * 32)) for n in (1, 2, 3))


def test_only_what_every_registrar_prepares_under() -> None:
    lamp = replace(right("object", {"task_id": 1}), policies=(TWO, THREE))
    land = replace(right("parcel", {"parcel_id": 1}), policies=(THREE, ONE, TWO))
    assert accepted_by([lamp], (ONE, TWO, THREE)) == (TWO, THREE)
    assert accepted_by([lamp, land], (THREE, ONE, TWO)) == (THREE, TWO), "the proposer's order"
    assert accepted_by([], (ONE, TWO)) == (ONE, TWO), "money asks no registrar"
    assert accepted_by([right("tier", {})], (ONE,)) == (), "one that names none moves under none"
