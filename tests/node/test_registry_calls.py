"""How a node's questions travel to one registry: in few calls, several at a time, none lost."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from node.command.sim.cast import RECORDS, SINGLE, TWO_OF_THREE
from node.core.effects import AskRegistries
from node.core.rows import Ask
from node.registries import CALL_TIMEOUT_S, MAX_CALLS, MAX_ITEMS, Registries
from proto.descriptor import commit_id
from proto.v1 import registry_pb2 as pb
from runtime.rpc_client import RpcUnavailable
from tests.proto.build import DESCRIPTOR


class Registry:
    """At the other end of the channel: answers PENDING once `open` is set."""

    def __init__(self) -> None:
        self.calls = 0
        self.most = 0
        self.seen: Counter[bytes] = Counter()
        self.open = trio.Event()
        self.gone = False

    async def unary(self, _: str, request: pb.DecideRequest, *__: Any) -> pb.DecideResponse:
        assert 0 < len(request.items) <= MAX_ITEMS
        self.calls += 1
        self.most = max(self.most, self.calls)
        await self.open.wait()
        self.calls -= 1
        if self.gone:
            raise RpcUnavailable("gone")
        self.seen.update(item.query.descriptor for item in request.items)
        return pb.DecideResponse(answers=[pb.Answer() for _ in request.items])


def ask(registries: Registries, many: int) -> set[bytes]:
    """So many questions, each about a transaction of its own."""
    asked = set()
    for number in range(many):
        data = replace(DESCRIPTOR, policy=SINGLE, salt=number.to_bytes(32, "big")).encode()
        registries.ask(AskRegistries(commit_id(data), Ask.QUERY), data)
        asked.add(data)
    return asked


@pytest.fixture
def registry() -> Registry:
    return Registry()


async def test_questions_travel_together_and_in_several_calls(
    autojump_clock: trio.testing.MockClock, registry: Registry
) -> None:
    answered: list[object] = []
    async with trio.open_nursery() as nursery:
        registries = Registries(lambda _: registry, nursery, answered.append, lambda: RECORDS,
                                lambda _: (b"", b""))  # type: ignore[arg-type]  # fmt: skip
        asked = ask(registries, 10 * MAX_ITEMS)
        await trio.testing.wait_all_tasks_blocked()
        assert registry.calls == MAX_CALLS
        registry.open.set()
        await trio.testing.wait_all_tasks_blocked()
        assert registry.most == MAX_CALLS and registry.calls == 0
        assert registry.seen == dict.fromkeys(asked, 1) and len(answered) == len(asked)
        again = ask(registries, 3)
        await trio.testing.wait_all_tasks_blocked()
        assert all(registry.seen[data] == 2 for data in again), "everybody had gone to sleep"
        nursery.cancel_scope.cancel()


async def test_an_announcement_waits_for_enough_members_and_no_longer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two of three admit at once; the third never answers."""

    class Member:
        def __init__(self, silent: bool) -> None:
            self.silent = silent

        async def unary(self, _: str, request: pb.AnnounceRequest, *__: Any) -> pb.AnnounceResponse:
            await trio.sleep(CALL_TIMEOUT_S if self.silent else 0.1)
            if self.silent:
                raise RpcUnavailable("silent")
            answer = pb.Answer()
            answer.interim.interim = b"admitted"
            return pb.AnnounceResponse(answers=[answer] * len(request.descriptors))

    made = iter([Member(silent=True), Member(silent=False), Member(silent=False)])
    async with trio.open_nursery() as nursery:
        registries = Registries(lambda _: next(made), nursery, lambda _: None, lambda: RECORDS,
                                lambda _: (b"", b""))  # type: ignore[arg-type]  # fmt: skip
        data = replace(DESCRIPTOR, policy=TWO_OF_THREE).encode()
        began_s = trio.current_time()
        assert len(await registries.announce(data)) == 2
        assert trio.current_time() - began_s < 0.2
        nursery.cancel_scope.cancel()


async def test_what_a_registry_that_is_gone_was_asked_is_asked_when_it_is_back(
    autojump_clock: trio.testing.MockClock, registry: Registry
) -> None:
    registry.gone = True
    registry.open.set()
    async with trio.open_nursery() as nursery:
        registries = Registries(lambda _: registry, nursery, lambda _: None, lambda: RECORDS,
                                lambda _: (b"", b""))  # type: ignore[arg-type]  # fmt: skip
        asked = ask(registries, 6 * MAX_ITEMS)
        await trio.sleep(60)
        assert not registry.seen
        registry.gone = False
        await trio.sleep(1)
        assert registry.seen == dict.fromkeys(asked, 1)
        nursery.cancel_scope.cancel()
