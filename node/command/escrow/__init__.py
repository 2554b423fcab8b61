"""`pledgeway escrow`: exchanges among any number of parties, all or nothing."""

from node.command.escrow.command import escrow

__all__ = ["escrow"]
