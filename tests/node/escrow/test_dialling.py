"""Connections to those whom letters name: few at a time, whoever makes us write to how many."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from node.command.sim.cast import NOW_US
from node.escrow.ways import MAX_CHANNELS, DialledWays
from proto.card import NodeCard, read_card
from proto.v1 import types_pb2
from runtime.rpc_client import RpcUnavailable
from tests.node.core.escrow_table import card_of, node_of


@dataclass
class Channels:
    """Open connections by address."""

    open: dict[str, int] = field(default_factory=dict)

    def connect(self, card: NodeCard) -> "Channel":
        self.open[card.alias] = self.open.get(card.alias, 0) + 1
        return Channel(self, card.alias)


@dataclass
class Channel:
    channels: Channels
    alias: str

    async def unary(self, method: str, request: Any, response_type: Any, timeout_s: float) -> Any:
        return request

    async def close(self) -> None:
        self.channels.open[self.alias] -= 1


async def test_a_stranger_with_many_cards_leaves_no_socket_behind() -> None:
    """A channel that was merely forgotten stayed in its bridge, and kept its socket."""
    channels = Channels()
    ways = DialledWays(node_of("ann"), channels.connect)
    letter = types_pb2.Envelope(type="t").SerializeToString()
    friend = read_card(card_of("friend"), NOW_US)
    for number in range(MAX_CHANNELS + 20):
        await ways.post(friend, letter)
        await ways.post(read_card(card_of(f"stranger {number}"), NOW_US), letter)
    assert sum(channels.open.values()) == MAX_CHANNELS
    assert channels.open["friend"] == 1, "used all the time"
    assert channels.open["stranger 0"] == 0


@pytest.mark.parametrize("service", ["unix:80", "unix:/run/x.sock", "xds:1", "dns:///a:1", "a", ""])
async def test_a_card_leads_to_no_socket_of_this_machine(service: str) -> None:
    channels = Channels()
    ways = DialledWays(node_of("ann"), channels.connect)
    card = replace(read_card(card_of("stranger"), NOW_US), service=service)
    with pytest.raises(RpcUnavailable):
        await ways.post(card, b"")
    assert not channels.open
