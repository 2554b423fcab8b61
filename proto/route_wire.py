"""Questions to a path finder of its own, and its answers, as messages (proto/v1/pathfinder.proto).

What comes in is bounded and well-formed afterwards, and no more: whether an answer is one that its
asker may use is for `node.route_check`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from proto.keys import NodeId, node_id
from proto.levels import Level
from proto.limits import (
    MAX_AMOUNT,
    MAX_HOPS,
    MAX_PARTS,
    MAX_POLICY_MEMBERS,
    MAX_RECORD_ADVERT_BYTES,
)
from proto.modes import Mode
from proto.policy import EMPTY_POLICY, RegistryPolicy, policy_fault
from proto.route import LineEnds, NoRoute, RouteFound, RouteHop, RoutePart, RouteQuery
from proto.schedule import Schedule, lock_of
from proto.v1 import pathfinder_pb2 as pb
from proto.wire import WireFault

BRAND_BYTES: Final = 16
MAX_QUERY_POLICIES: Final = 64  # each is one more search on the whole network
MAX_QUERY_LINES: Final = 1024  # avoided, and learned: a payer has few lines, and few refusals
MAX_QUERY_NODES: Final = 256  # avoided
MAX_US: Final = 10**13  # 115 days: offsets beyond it are slips
MAX_REASONS: Final = 32  # a search gives half as many
MAX_REASON_CHARS: Final = 1200  # one sentence, or a name, with the ids of sixteen registries in it
MAX_CODE_CHARS: Final = 40
NOBODY: Final = "00" * 32  # stands for a node where a reason concerns none
_ID: Final = re.compile("[0-9a-f]{64}")
# A registry, or a collective by all that it is (pathfinder.by_id.policy_of).
_POLICY: Final = re.compile(r"(~([0-9]{1,16}/){4}([0-9a-f]{64}\+){0,15})?[0-9a-f]{64}")
# Of every node and every line that the chains of one answer can use, and the lists they follow.
MAX_ANSWER_ADVERTS: Final = 3 * MAX_PARTS * MAX_HOPS


def query_to_message(query: RouteQuery) -> pb.RouteQuery:
    """The question as it travels; its `now_us` stays at home. What is beyond the bounds of a
    message is left out where the answer is checked against it anyway."""
    assert query.accepted is not None  # a payment has a request, which says so
    learned = sorted((query.learned or {}).items(), key=lambda item: item[0][0] != query.payer)
    message = pb.RouteQuery(
        payer=query.payer,
        payee=query.payee,
        brand=query.brand,
        amount=query.amount,
        candidates=[p.to_message() for p in query.candidates[:MAX_QUERY_POLICIES]],
        accepted=[p.to_message() for p in query.accepted[:MAX_QUERY_POLICIES]],
        levels=sorted(query.levels),
        last_levels=sorted(query.last_levels),
        first_levels=sorted(query.first_levels),
        payee_margin_us=query.payee_margin_us,
        latest_deadline_us=query.latest_deadline,
        max_hops=query.max_hops,
        max_cost=query.max_cost,
        avoid_lines=[_ends(ends) for ends in sorted(query.avoid_lines)[:MAX_QUERY_LINES]],
        avoid_nodes=sorted(query.avoid_nodes)[:MAX_QUERY_NODES],
        learned=[
            pb.LineRoom(ends=_ends(ends), available=room)
            for ends, room in learned[:MAX_QUERY_LINES]
        ],
        max_parts=query.max_parts,
        split_to_save=query.split_to_save,
        unit=query.unit,
        unexplained=not query.explained,
    )
    if query.max_risk is not None:
        message.max_risk = query.max_risk
    if query.deadline is not None:
        message.deadline_us = query.deadline
    return message


def query_from_message(m: pb.RouteQuery, now_us: int) -> RouteQuery:
    """A stranger's question, asked at `now_us` (POSIX). Raises WireFault."""
    _most("candidates", m.candidates, MAX_QUERY_POLICIES)
    _most("accepted policies", m.accepted, MAX_QUERY_POLICIES)
    _most("lines to avoid", m.avoid_lines, MAX_QUERY_LINES)
    _most("nodes to avoid", m.avoid_nodes, MAX_QUERY_NODES)
    _most("learned lines", m.learned, MAX_QUERY_LINES)
    if len(m.brand) != BRAND_BYTES:
        raise WireFault(f"brand: an id has {BRAND_BYTES} bytes")
    query = RouteQuery(
        payer=_node("payer", m.payer),
        payee=_node("payee", m.payee),
        brand=m.brand,
        amount=_within("amount", m.amount, 1, MAX_AMOUNT),
        candidates=tuple(_policy("candidates", p) for p in m.candidates),
        accepted=tuple(_policy("accepted policies", p) for p in m.accepted),
        levels=_levels("levels", m.levels),
        last_levels=_levels("last levels", m.last_levels),
        first_levels=_levels("first levels", m.first_levels) or frozenset(Level),
        payee_margin_us=_within("payee margin", m.payee_margin_us, 0, MAX_US),
        latest_deadline=_within("latest deadline", m.latest_deadline_us, -MAX_US, MAX_US),
        now_us=now_us,
        max_hops=_within("max hops", m.max_hops, 1, MAX_HOPS),
        max_cost=_within("max cost", m.max_cost, 0, MAX_AMOUNT),
        avoid_lines=frozenset(_line("lines to avoid", e) for e in m.avoid_lines),
        avoid_nodes=frozenset(_node("nodes to avoid", n) for n in m.avoid_nodes),
        max_risk=m.max_risk if m.HasField("max_risk") else None,
        learned={
            _line("learned lines", r.ends): _within("learned lines", r.available, 0, MAX_AMOUNT)
            for r in m.learned
        },
        max_parts=_within("max parts", m.max_parts, 1, MAX_PARTS),
        split_to_save=m.split_to_save,
        explained=not m.unexplained,
        unit=_within("unit", m.unit, 1, MAX_AMOUNT),
        deadline=_fixed(m.deadline_us) if m.HasField("deadline_us") else None,
    )
    if query.payer == query.payee:
        raise WireFault("payee: pays itself")
    return query


def _fixed(deadline_us: int) -> int:
    """A D that others have fixed: it lies ahead, or there is nothing to look for."""
    return _within("deadline", deadline_us, 1, MAX_US)


def found_to_message(found: RouteFound, adverts: Iterable[bytes]) -> pb.RouteAnswer:
    """The answer that a route was found; `adverts` are Envelope bytes."""
    chains = []
    for part in found.parts:
        chain = pb.RouteChain(modes=[mode for _, mode in part.modes])
        for hop, expiry in zip(part.hops, part.schedule.expiries, strict=True):
            wire = chain.hops.add(
                promisor=hop.promisor, promisee=hop.promisee, level=hop.level, amount=hop.amount
            )
            if expiry is not None:
                wire.expiry_us = expiry
        chains.append(chain)
    message = pb.RouteFound(chains=chains, deadline_us=found.deadline, adverts=adverts)
    if found.policy != EMPTY_POLICY:
        message.policy.CopyFrom(found.policy.to_message())
    return pb.RouteAnswer(found=message, exact=found.exact)


def found_from_message(m: pb.RouteFound, *, exact: bool) -> tuple[RouteFound, tuple[bytes, ...]]:
    """What the path finder claims, and the adverts beside it. Raises WireFault."""
    _most("adverts", m.adverts, MAX_ANSWER_ADVERTS)
    _most("chains", m.chains, MAX_PARTS)
    if not m.chains:
        raise WireFault("chains: none")
    if any(len(data) > MAX_RECORD_ADVERT_BYTES for data in m.adverts):
        raise WireFault("adverts: one that is too long")
    policy = _policy("policy", m.policy) if m.HasField("policy") else EMPTY_POLICY
    deadline = _within("deadline", m.deadline_us, 0, MAX_US)
    parts = tuple(_part(chain, deadline, policy) for chain in m.chains)
    return RouteFound(parts, policy, exact), tuple(m.adverts)


def _part(chain: pb.RouteChain, deadline: int, policy: RegistryPolicy) -> RoutePart:
    _most("hops", chain.hops, MAX_HOPS)
    if not chain.hops or len(chain.modes) != len(chain.hops) - 1:
        raise WireFault("modes: not one for each intermediary")
    hops = tuple(
        RouteHop(
            _node("hops", hop.promisor),
            _node("hops", hop.promisee),
            _level("hops", hop.level),
            _within("hops", hop.amount, 1, MAX_AMOUNT),
        )
        for hop in chain.hops
    )
    expiries = tuple(_expiry(wire, hop) for wire, hop in zip(chain.hops, hops, strict=True))
    limit = deadline + policy.lateness_us
    ends = zip(hops, expiries, strict=True)
    locks = tuple(lock_of(hop.level, expiry, limit) for hop, expiry in ends)
    nodes = (hop.promisee for hop in hops[:-1])
    modes = tuple(zip(nodes, (_mode(mode) for mode in chain.modes), strict=True))
    return RoutePart(hops, modes, Schedule(deadline, limit, expiries, locks))


def _expiry(wire: pb.RouteHop, hop: RouteHop) -> int | None:
    if wire.HasField("expiry_us") != hop.level.has_expiry:
        raise WireFault("expiry: where the level is ATOMIC, or none where it is not")
    return _within("expiry", wire.expiry_us, 0, MAX_US) if hop.level.has_expiry else None


def none_to_message(none: NoRoute) -> pb.RouteAnswer:
    """The answer that there is no route, or that none was found in time."""
    reasons = [_reason_to_message(reason) for reason in none.reasons[:MAX_REASONS]]
    skipped = [
        pb.RouteSkipped(what=one["what"], labels=one["labels"])
        for one in none.skipped[:MAX_REASONS]
    ]
    return pb.RouteAnswer(none=pb.RouteNone(reasons=reasons, skipped=skipped), exact=none.exact)


def _reason_to_message(reason: Mapping[str, Any]) -> pb.RouteReason:
    message = pb.RouteReason(
        rule=reason["rule"],
        node=reason.get("node") or "",
        line=reason.get("line") or (),
        figure=min(reason["figure"], MAX_AMOUNT),
        text=reason["text"][:MAX_REASON_CHARS],
        chain=reason.get("chain") or (),
        levels=reason.get("levels") or (),
        registry=reason.get("registry") or "",
        code=reason.get("code") or "",
        unit=reason.get("unit") or "",
        registries=reason.get("registries") or (),
        mode=reason.get("mode") or "",
        level=reason.get("level") or "",
        bars=reason.get("bars", 1),
    )
    if reason.get("cost") is not None:
        message.cost = min(reason["cost"], MAX_AMOUNT)
    return message


def none_from_message(m: pb.RouteNone, *, exact: bool) -> NoRoute:
    """Reasons that are fit to be shown; whether they hold nobody can check. Raises WireFault."""
    _most("reasons", m.reasons, MAX_REASONS)
    _most("what was skipped", m.skipped, MAX_REASONS)
    reasons = tuple(_reason(reason) for reason in m.reasons)
    return NoRoute(exact, reasons, tuple(_skipped(one) for one in m.skipped))


def _skipped(m: pb.RouteSkipped) -> Mapping[str, Any]:
    if not _is_code(m.what):
        raise WireFault("what was skipped: no code that anybody knows")
    return {"what": m.what, "labels": _within("what was skipped", m.labels, 0, MAX_AMOUNT)}


def _is_code(text: str) -> bool:
    return 0 < len(text) <= MAX_CODE_CHARS and text.isascii() and text.isprintable()


def _reason(m: pb.RouteReason) -> Mapping[str, Any]:
    _most("chain of a reason", m.chain, MAX_HOPS + 1)
    _most("levels of a reason", m.levels, MAX_HOPS)
    if len(m.line) not in (0, 2):
        raise WireFault("reasons: a line has two ends")
    if not all(_ID.fullmatch(name) for name in (*m.line, *m.chain, m.node or NOBODY)):
        raise WireFault("reasons: a node that is no id")
    _most("registries of a reason", m.registries, MAX_POLICY_MEMBERS)
    maybe = (text for text in (m.code, m.unit, m.mode, m.level) if text)
    if not all(_is_code(text) for text in (m.rule, *m.levels, *maybe)):
        raise WireFault("reasons: no code that anybody knows")
    if not all(_ID.fullmatch(r) for r in m.registries) or not _POLICY.fullmatch(
        m.registry or NOBODY
    ):
        raise WireFault("reasons: a registry or a policy that is none")
    texts = (m.text,)
    if not all(text.isprintable() and len(text) <= MAX_REASON_CHARS for text in texts):
        raise WireFault("reasons: a text that cannot be shown")
    cost = _within("reasons", m.cost, 0, MAX_AMOUNT) if m.HasField("cost") else None
    return {
        "code": m.code or m.rule,
        "rule": m.rule,
        "node": m.node or None,
        "line": list(m.line) or None,
        "figure": _within("reasons", m.figure, 0, MAX_AMOUNT),
        "unit": m.unit or None,
        "registries": list(m.registries),
        "mode": m.mode or None,
        "level": m.level or None,
        "text": m.text,
        "next_step": "",
        "chain": list(m.chain),
        "levels": list(m.levels),
        "registry": m.registry or None,
        "cost": cost,
        "bars": _within("reasons", m.bars, 0, MAX_REASONS),
    }


def _ends(ends: LineEnds) -> pb.LineEnds:
    return pb.LineEnds(promisor=ends[0], promisee=ends[1])


def _line(what: str, m: pb.LineEnds) -> LineEnds:
    return _node(what, m.promisor), _node(what, m.promisee)


def _node(what: str, data: bytes) -> NodeId:
    try:
        return node_id(data)
    except ValueError as error:
        raise WireFault(f"{what}: {error}") from error


def _policy(what: str, m: Any) -> RegistryPolicy:
    policy = RegistryPolicy.from_message(m)
    if not policy.members:
        raise WireFault(f"{what}: one without members")
    if (fault := policy_fault(policy)) is not None:
        raise WireFault(f"{what}: {fault.value}")
    return policy


def _levels(what: str, numbers: Sequence[int]) -> frozenset[Level]:
    _most(what, numbers, len(Level))
    return frozenset(_level(what, number) for number in numbers)


def _level(what: str, number: int) -> Level:
    try:
        return Level(number)
    except ValueError as error:
        raise WireFault(f"{what}: no level {number}") from error


def _mode(number: int) -> Mode:
    try:
        return Mode(number)
    except ValueError as error:
        raise WireFault(f"modes: no mode {number}") from error


def _within(what: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise WireFault(f"{what}: not between {least} and {most}")
    return value


def _most(what: str, values: Any, most: int) -> None:
    if len(values) > most:
        raise WireFault(f"{what}: more than {most}")
