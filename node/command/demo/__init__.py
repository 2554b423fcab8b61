"""`pledgeway demo`: a whole network on this machine, with payments."""

from node.command.demo.command import demo

__all__ = ["demo"]
