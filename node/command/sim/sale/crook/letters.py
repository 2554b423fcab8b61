"""Letters about sales as a dishonest party writes them."""
from node.command.sim.escrow.crook.letters import Bent


def bent(crook, to, body):
    return Bent(body)
