"""What strangers' servers say when they refuse is shown, and moves no cursor."""

from node.escrow.faults import TOLD_CHARS, told
from runtime.rpc_client import RpcUnavailable


def test_a_refusal_paints_nothing_and_fits() -> None:
    words = "gone\n\x1b[2J\u202eevil"
    assert told(RpcUnavailable(words)) == "gone  [2J evil"
    assert len(told(RpcUnavailable("x" * 9000))) == TOLD_CHARS
