"""The buyer asks the agent, and the arbiter, to take the case."""

from node.core.sale.course import tell
from node.core.sale.reading import JUDGES, card_of
from node.core.sale.rows import Sale
from node.core.view import Step
from proto.sale.letters import Asked


def invite(step: Step, sale: Sale) -> None:
    """They are shown how they were chosen: the rules of both sides, and both reveals."""
    words = Asked(sale.offer, sale.rules[-2:], (sale.reveals[0], sale.joins[0]))
    for role in JUDGES:
        if card_of(sale, role):
            tell(step, sale, role, words)
