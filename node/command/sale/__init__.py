"""`pledgeway sale`: sell what nobody keeps a register of, with an agent who judges."""

from node.command.sale.command import sale

__all__ = ["sale"]
