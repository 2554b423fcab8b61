"""Everything that an owner may do in a sale, by name: an event for anybody, at any moment."""

from collections.abc import Callable
from functools import cache

from node.command.sim.cast import digest, signing_key
from node.core.events import Event
from node.core.sale.entering import all_parties
from node.core.sale.events import (
    Attest,
    BidRule,
    CastVote,
    CloseSale,
    ContractDrafted,
    DeclineDecision,
    EnterSale,
    GiveCredential,
    OpenSale,
    RefuseCredential,
    ShowControl,
    SignDecision,
)
from node.sale.drafting import draft_contract, draft_rule
from proto.sale.stakes import Decision
from tests.node.core.sale_stages import ROLE, control, phase_of, table_at, vote_of
from tests.node.core.sale_table import SaleTable

Make = Callable[[SaleTable, str], Event]


@cache
def a_proof(arbiter: str) -> bytes:
    return control(table_at("locked", arbiter))


@cache
def a_vote(name: str, arbiter: str) -> bytes:
    return vote_of(table_at("split", arbiter), name)


@cache
def a_contract(arbiter: str) -> tuple[bytes, bytes]:
    table = table_at("drafting", arbiter)
    bob, sale = table.people["bob"], table.sale("bob")
    parties = all_parties(bob.memory, sale)
    return draft_contract(
        signing_key("bob"), sale, parties, bob.now_us, lambda size: digest("drafted")[:size]
    )


def _rule(table: SaleTable, name: str) -> bytes:
    before = table.sale(name).rules if phase_of(table, name) is not None else ()
    accepts, seed = table.accepts("ned"), table.entering(name, ROLE[name]).seed
    return draft_rule(signing_key(name), table.id, before, seed, accepts)


def _sign(decision: Decision) -> Make:
    return lambda t, n: SignDecision(t.people[n].now_us, t.id, decision)


MAKE: dict[str, Make] = {
    "open": lambda t, n: OpenSale(
        t.people[n].now_us, t.signed, _rule(t, n), t.entering(n, ROLE[n])
    ),
    "bid": lambda t, n: BidRule(t.people[n].now_us, t.id, _rule(t, n), t.entering(n, ROLE[n])),
    "enter": lambda t, n: EnterSale(t.people[n].now_us, t.id, t.entering(n, ROLE[n])),
    "close": lambda t, n: CloseSale(t.people[n].now_us, t.id),
    "drafted": lambda t, n: ContractDrafted(t.people[n].now_us, t.id, *a_contract(t.arbiter)),
    "give": lambda t, n: GiveCredential(t.people[n].now_us, t.id, b"sealed to the agent"),
    "hand over": lambda t, n: t.handing_over(),
    "refuse": lambda t, n: RefuseCredential(t.people[n].now_us, t.id),
    "show": lambda t, n: ShowControl(t.people[n].now_us, t.id, a_proof(t.arbiter)),
    "attest": lambda t, n: Attest(t.people[n].now_us, t.id),
    "attest with proof": lambda t, n: Attest(t.people[n].now_us, t.id, a_proof(t.arbiter)),
    **{f"sign {d.name.lower()}": _sign(d) for d in Decision},
    "decline": lambda t, n: DeclineDecision(t.people[n].now_us, t.id),
    "vote": lambda t, n: CastVote(t.people[n].now_us, t.id, a_vote(n, t.arbiter)),
}
