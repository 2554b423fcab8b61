"""Which command makes a move: what `sale show` and `agent run` tell whoever is to move."""

from collections.abc import Mapping
from typing import Any, Final

from node.command.display import Json, short

COMMANDS: Final[Mapping[str, str]] = {
    "ANSWER": "pledgeway sale offer {} --agent NAME --highest-tip N, or sale close {}",
    "ENTER": "pledgeway sale take {}, or sale close {}",
    "GIVE": "pledgeway sale hand-over {}",
    "PASS_ON": "pledgeway sale hand-over {} --show, then --pass-on or --refuse",
    "PROVE": "pledgeway sale reveal {}, then sale control {}",
    "ATTEST": "pledgeway sale attest {} --page FILE, or --not-delivered",
    "RELEASE": "pledgeway sale release {}",
    "CONCEDE": "pledgeway sale concede {}",
    "CHALLENGE": "pledgeway sale challenge {}, or with --withdraw not",
    "REFUND": "pledgeway sale refund {}",
    "SLASH": "pledgeway sale slash {}",
    "VOTE": "pledgeway sale vote {} success, or failure",
}
"""By what the move is (node.core.sale.moves.What), without those that a node makes by itself."""


def command_for(one: Json, move: Mapping[str, Any]) -> str:
    """The command of a move of ours, with the beginning of the sale's id in it."""
    text = COMMANDS.get(str(move.get("what")), "pledgeway sale show {}")
    return text.replace("{}", short(one.get("id")))
