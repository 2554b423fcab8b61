"""A daemon that asks itself takes its own no like anybody's: it must not end by it."""

import grpc
import pytest
import trio

from node.command.sim.cast import signing_key
from node.escrow.ways import DialledWays
from proto.card import NodeCard
from runtime.rpc import RpcRefused
from runtime.rpc_client import Caller, RpcError

ME = signing_key("node me").node_id
CARD = NodeCard(ME, "me", "", b"", b"", b"", "me.example:1")


def nobody(_: NodeCard) -> Caller:
    raise AssertionError("we are asked without a wire")


async def refuse(_: bytes) -> bytes:
    raise RpcRefused(grpc.StatusCode.UNAVAILABLE, "the books cannot be written now")


@pytest.mark.parametrize("call", ["post", "batch", "open_account"])
def test_our_own_no_is_an_rpc_error(call: str) -> None:
    ways = DialledWays(ME, nobody)
    ways.own_letters = refuse
    ways.own_registrar = {"Batch": refuse, "Open": refuse}
    with pytest.raises(RpcError):
        trio.run(getattr(ways, call), CARD, b"signed")
