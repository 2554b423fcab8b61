"""A registrar that repeats another's GUID does not take its place."""

from dataclasses import replace

import pytest

from node.control.failure import ControlFailure
from node.control.rights import check_keeper
from node.core.escrow.rows import KnownRight
from proto.escrow.rights import sign_right
from tests.fuzz.of_letters import RIGHT
from tests.fuzz.values import NODE, PEER

KNOWN = KnownRight(RIGHT.brand.guid, sign_right(NODE, RIGHT), "card", 1)


def test_the_same_registrar_may_describe_anew() -> None:
    check_keeper(None, RIGHT, "Office")
    check_keeper(KNOWN, replace(RIGHT, sequence=2), "Office")


def test_another_may_not_take_its_guid() -> None:
    """Else "collateral": GUID would from then on be whatever the rogue one issues."""
    brand = replace(RIGHT.brand, issuer=PEER.node_id)
    rogue = replace(RIGHT, brand=brand, registrar=PEER.node_id)
    assert rogue.brand.guid == RIGHT.brand.guid
    with pytest.raises(ControlFailure) as caught:
        check_keeper(KNOWN, rogue, "Rogue")
    assert caught.value.code == "GUID_TAKEN"
    assert NODE.node_id.hex() in str(caught.value)
