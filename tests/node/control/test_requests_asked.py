"""`request.create` and `request.list`: nothing is signed that nobody could read, all fits."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.command.sim.cast import NOW_US, digest, signing_key
from node.control import requests
from node.control.context import Context
from node.core.events import AddRequest
from node.core.payee import terms_of
from node.core.rows import Request, RequestPhase
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SealKey
from proto.limits import MAX_POLICY_MEMBERS, MAX_REQUEST_BYTES, MAX_REQUEST_POLICIES
from proto.money import Brand
from proto.policy import symmetric
from proto.request import countersign, payee_signed, read_request
from runtime.clock import FakeClock
from runtime.control import Arguments, ControlFailure

KEY, SEAL, SHOP = signing_key("payee"), SealKey(digest("seal")), signing_key("shop")
CERTIFICATE = KeyCertificate(KEY.public, KeyPurpose.SEAL, SEAL.public, 0, 2**62)


class Node:
    """A payee with as many policies as a test wants, each of as many registries as there may be."""

    def __init__(self, policies: int) -> None:
        members = [
            tuple(sorted(digest(f"{i} {j}") for j in range(MAX_POLICY_MEMBERS)))
            for i in range(policies)
        ]
        named = {str(i): symmetric(m) for i, m in enumerate(members)}
        self.rows: list[Request] = []
        self._drawn = 0
        settings = SimpleNamespace(
            usable=frozenset(x for m in members for x in m), exposed=frozenset()
        )
        memory = SimpleNamespace(settings=settings, owned=self.owned, row=lambda key: None)
        identity = SimpleNamespace(
            key=KEY, seal=SEAL, seal_certificate=certify_key(KEY, CERTIFICATE).SerializeToString()
        )
        self.context = cast(
            Context,
            SimpleNamespace(
                identity=identity,
                alias="Bea",
                clock=FakeClock(NOW_US),
                entropy=self.entropy,
                engine=SimpleNamespace(memory=memory),
                book=SimpleNamespace(terms=SimpleNamespace(policies=named)),
                settled=SimpleNamespace(promises=lambda commit: []),
                policy_name=lambda policy: "a policy",
                find_brand=lambda name: Brand(b"u" * 16, name),
                do_all=self.do_all,
            ),
        )

    def owned(self, kind: type) -> list[Request]:
        return [row for row in self.rows if isinstance(row, kind)]

    def entropy(self, size: int) -> bytes:
        self._drawn += 1
        return digest(f"drawn {self._drawn}")[:size]

    async def do_all(self, makes: Any) -> None:
        for make in makes:
            event = make(NOW_US)
            assert isinstance(event, AddRequest)
            self.rows.append(event.request)

    async def create(self, **said: Any) -> dict[str, Any]:
        return await requests.create(self.context, Arguments({"brand": "USD"} | said))


async def test_what_is_asked_for_stands_in_the_row() -> None:
    node = Node(1)
    shown = await node.create(amount=700, amount_min=5, domain="shop.example", person="cd" * 16)
    (row,) = node.rows
    assert (row.amount, row.least, row.taking, row.person) == (700, 5, 0, b"\xcd" * 16)
    assert (shown["amount"], shown["amount_min"], shown["received"]) == (700, 5, 0)
    read = read_request(row.signed, NOW_US)
    assert read.created_at_us == NOW_US and read.domain == "shop.example"
    exact = await node.create(amount=700)
    assert node.rows[-1].least == 0 and exact["amount_min"] == exact["amount"] == 700
    assert read_request(node.rows[-1].signed, NOW_US).amount_min == 0


async def test_goods_have_one_price() -> None:
    node, goods = Node(1), "ab" * 32
    for choice in ({"amount": 7, "amount_min": 5}, {"open": True}):
        with pytest.raises(ControlFailure) as caught:
            await node.create(exchange=goods, **choice)
        assert caught.value.message.startswith("amount_min: ")
    await node.create(exchange=goods, amount=7)
    assert read_request(node.rows[0].signed, NOW_US).exchange.hex() == goods


async def test_nothing_is_signed_that_nobody_could_read() -> None:
    """Sixteen policies of sixteen registries: its payee could not even list such a request."""
    node = Node(MAX_REQUEST_POLICIES)
    with pytest.raises(ControlFailure) as caught:
        await node.create(amount=700)
    assert caught.value.code == "BAD_ARGUMENT" and "bytes too long" in caught.value.message
    assert not node.rows
    await node.create(amount=700, registries=[], description="\N{GRINNING FACE}" * 640)
    assert len(node.rows[0].signed) <= MAX_REQUEST_BYTES


async def test_there_is_room_for_its_requesters_signature() -> None:
    """The longest request that is made with a requester can be countersigned and read."""
    longest = 0
    for policies in range(1, MAX_REQUEST_POLICIES):
        node = Node(policies)
        for length in range(0, 641, 20):
            requester = {"key": SHOP.public.hex(), "return_url": f"https://s/{'x' * 400}"}
            try:
                await node.create(amount=7, requester=requester, description="x" * length)
            except ControlFailure:
                break
            whole = countersign(SHOP, node.rows[-1].signed)
            longest = max(longest, len(whole))
            assert payee_signed(whole) == (node.rows[-1].signed, SHOP.public)
    assert MAX_REQUEST_BYTES - 100 < longest <= MAX_REQUEST_BYTES


async def test_a_long_list_fits_into_an_answer() -> None:
    node = Node(8)
    await node.create(amount=7, description="\N{GRINNING FACE}" * 640)
    (row,) = node.rows
    node.rows = [replace(row, id=i.to_bytes(16, "big"), created_at_us=NOW_US) for i in range(100)]
    few = (await requests.list_requests(node.context, Arguments({"limit": 100})))["requests"]
    assert 40 < len(few) < 100
    node.rows = node.rows[:3]
    assert len((await requests.list_requests(node.context, Arguments({})))["requests"]) == 3


async def test_what_came_in_house_is_received_too() -> None:
    """One of this node's people pays another without a promise."""
    node = Node(1)
    await node.create(amount=700, amount_min=5)
    row = replace(node.rows[0], phase=RequestPhase.PAID, taking=66, ended_at_us=NOW_US)
    assert requests.request_json(node.context, row)["received"] == 66
    assert terms_of(row).amount == 700
