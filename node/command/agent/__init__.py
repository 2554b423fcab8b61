"""`pledgeway agent`: who judges sales, and what is known of them."""

from node.command.agent.command import agent

__all__ = ["agent"]
