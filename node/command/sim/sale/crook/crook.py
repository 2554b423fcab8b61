"""A dishonest part of a sale: what it hears and keeps, and how its letters and batches are bent."""

from node.command.sim.escrow.crook.crook import Crook
from node.command.sim.escrow.crook.letters import Bent
from node.command.sim.sale.crook.letters import bent
from proto.escrow.letters import Body
from proto.keys import NodeId


class SaleCrook(Crook):
    """As `Crook`, with the letters of a sale."""

    def _bend(self, to: NodeId, body: Body) -> Bent:
        return bent(self, to, body)
