"""A clean no of the core as a clean no to the owner."""

from proto.reason import Refusal
from runtime.control import Arguments, ControlFailure, bad_argument

__all__ = ["Arguments", "ControlFailure", "bad_argument", "refuse"]


def refuse(refusal: Refusal | None) -> None:
    """Raises where the core refused."""
    if refusal is not None:
        raise ControlFailure(refusal.reason.name, figure=refusal.figure)
