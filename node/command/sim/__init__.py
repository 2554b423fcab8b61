"""`pledgeway sim`: the protocol's promises put to the test, in a world that a seed replays."""

from node.command.sim.command import sim

__all__ = ["sim"]
