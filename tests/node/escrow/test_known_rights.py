"""A registrar that repeats another's GUID does not take its place."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from node.command.sim.cast import NOW_US
from node.control.failure import Arguments, ControlFailure
from node.control.own_accounts import import_grant
from node.control.rights import forget
from node.core.escrow.events import KeepRow
from node.core.escrow.rows import Account, KnownRight
from node.core.view import Settings
from node.escrow.account_keeper import check_keeper
from node.group import Group
from node.memory import Memory
from proto.card import sign_card
from proto.escrow.grant import Grant, seal_grant
from proto.escrow.rights import sign_right
from proto.fees import FeeSet
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose
from tests.fuzz.of_letters import RIGHT
from tests.fuzz.values import CARD, NODE, PEER, SEAL

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


class Engine:
    """Does at once what it is given."""

    def __init__(self) -> None:
        self.memory = Memory(Settings(NODE.node_id, FeeSet({})))

    async def work(self, act: Any) -> None:
        act(Group())


def _context() -> Any:
    """Of a node that knows RIGHT."""
    engine = Engine()
    engine.memory.put(replace(KNOWN, card=sign_card(NODE, CARD)))

    async def do(make: Any) -> None:
        event = make(now_us=NOW_US)
        assert isinstance(event, KeepRow)
        engine.memory.put(event.row)

    return SimpleNamespace(
        identity=SimpleNamespace(node=NODE.node_id, seal=SEAL, key=NODE),
        engine=engine,
        clock=SimpleNamespace(now_us=lambda: NOW_US),
        policy_name=str,
        do=do,
    )


def _granted_by_another() -> str:
    """A grant of a right whose GUID somebody else has."""
    them = PEER.node_id
    tls, seal = (
        certify_key(PEER, KeyCertificate(them, purpose, key, 0, 2**62)).SerializeToString()
        for purpose, key in (
            (KeyPurpose.TLS, CARD.tls_certificate),
            (KeyPurpose.SEAL, SEAL.public),
        )
    )
    card = sign_card(PEER, replace(CARD, node=them, tls=tls, seal=seal, service="there:1"))
    rogue = replace(RIGHT, brand=replace(RIGHT.brand, issuer=them), registrar=them)
    grant = Grant(sign_right(PEER, rogue), bytes(16), bytes(32), b"t" * 32, card)
    return seal_grant(PEER, NODE.node_id, SEAL.public, bytes(32), grant)


async def test_a_grant_does_not_take_it_either_unless_it_is_forgotten() -> None:
    context, text = _context(), _granted_by_another()
    with pytest.raises(ControlFailure) as caught:
        await import_grant(context, Arguments({"grant": text}))
    assert caught.value.code == "GUID_TAKEN"
    assert f"rights forget {RIGHT.brand.guid.hex()}" in caught.value.next_step
    assert not list(context.engine.memory.owned(Account))
    with pytest.raises(ControlFailure) as caught:
        await forget(context, Arguments({"brand": "no such right"}))
    assert caught.value.code == "NOT_FOUND"
    told = await forget(context, Arguments({"brand": RIGHT.brand.name}))
    assert told["brand"] == RIGHT.brand.guid.hex()
    assert not list(context.engine.memory.owned(KnownRight))
    await import_grant(context, Arguments({"grant": text}))
    assert [row.registrar for row in context.engine.memory.owned(Account)] == [PEER.node_id]
