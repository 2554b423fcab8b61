"""`pledgeway wallet`: an account at somebody else's node, from the command line."""

from node.command.wallet.command import wallet

__all__ = ["wallet"]
