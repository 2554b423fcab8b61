"""`pledgeway bench`: how fast this program is on this machine, in real processes."""

from node.command.bench.command import bench

__all__ = ["bench"]
