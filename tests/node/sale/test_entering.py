"""Which cases an agent's rule takes without its owner."""

from types import SimpleNamespace

import pytest

from node.command.sim.cast import NOW_US, signing_key
from node.core.sale.rows import KnownAgent
from node.sale.entering import AgentRule, entering_asked
from proto.sale.letters import Asked
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_table import SaleTable, agent_offer

TAKES = AgentRule(take=True)


def taken(rule: AgentRule, tip_now: int) -> bool:
    """Whether Ned's rule takes the case in which both sides named his offer with a tip of 20."""
    table = SaleTable(agents=("ned",))
    table.open()
    table.carry()
    table.bid("sally")
    table.carry()
    bob, ned = table.sale("bob"), table.people["ned"]
    offer = agent_offer("ned", tip_now)
    ned.memory.put(KnownAgent(node_of("ned"), offer, NOW_US, True, rule.to_json()))
    identity = SimpleNamespace(key=signing_key("ned"), node=node_of("ned"))
    asked = Asked(bob.offer, bob.rules[-2:], (b"", b""))
    return entering_asked(ned.memory, identity, asked, NOW_US) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "tip_now", "takes"),
    [
        (TAKES, 20, True),
        (TAKES, 10, True),
        (TAKES, 30, False),  # he asks for more by now: an old offer of his is for him to honour
        (AgentRule(), 20, False),
        (AgentRule(take=True, price_max=1000), 20, True),
        (AgentRule(take=True, price_max=999), 20, False),
    ],
)
def test_a_rule_takes_cases_at_the_present_tip(rule: AgentRule, tip_now: int, takes: bool) -> None:
    assert taken(rule, tip_now) is takes
