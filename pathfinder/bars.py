"""Everything that keeps one chain out of an answer: the rules it breaks, the limits it passes.

The protocol's own check says which rules those are (`proto.viability`); here each gets its stable
code, whom it names, by how much it misses, and words. Who could do something about it is told too,
where anybody could: with the command that does it on that node. Names in it are quoted: strangers
choose them, and people copy commands.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from shlex import quote

from pathfinder.answer import Bar
from pathfinder.core.graph import Graph
from pathfinder.core.steps import broken_by_pair
from pathfinder.network import Policy
from pathfinder.question import ALL_LEVELS, RouteQuestion
from pathfinder.reason_codes import Code
from proto.levels import Level
from proto.limits import US
from proto.modes import mode_of
from proto.viability import Chain, PayeeTerms, Rule, Violation, check_chain, promise_rule


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chain that somebody may have barred: nodes (payer first), levels, amounts, policy."""

    names: tuple[str, ...]
    levels: tuple[Level, ...]
    amounts: tuple[int, ...]
    policy: Policy
    brand: str

    @property
    def risk(self) -> int:
        """Sum over the intermediaries' modes."""
        modes = [mode_of(*pair) for pair in pairwise(self.levels)]
        return sum(mode.risk for mode in modes if mode is not None)


def bars_of(graph: Graph, question: RouteQuestion, chain: Candidate) -> tuple[Bar, ...]:
    """What bars the chain under that question, payer first; empty: nothing does."""
    told = _Telling(graph, question, chain)
    return (*told.of_pairs(), *told.of_lines(), *told.of_the_whole(), *told.of_the_question())


class _Telling:
    """Bars of one chain. Made for one use."""

    def __init__(self, graph: Graph, question: RouteQuestion, chain: Candidate) -> None:
        self._graph, self._question, self._chain = graph, question, chain
        self._nodes = [graph.node(name) for name in chain.names]
        self._lines = [graph.line(a, b, chain.brand) for a, b in pairwise(chain.names)]
        self._members = frozenset(chain.policy.members)

    # ------------------------------------------------------------------ promises and pairs

    def of_pairs(self) -> list[Bar]:
        """V1, V2, V6, V7 and V9."""
        chain, found = self._chain, []
        payer = self._nodes[0].facts
        if rule := promise_rule(chain.levels[0], None, payer, self._members):
            found.append(self._of_pair(0, rule))
        for i, (incoming, outgoing) in enumerate(pairwise(chain.levels), 1):
            facts = self._nodes[i].facts
            if (own := self._lines[i].fees) is not None:
                facts = replace(facts, fees=own)
            for rule in broken_by_pair(incoming, outgoing, facts, self._members):
                found.append(self._of_pair(i, rule))
        return found

    def _of_pair(self, place: int, rule: Rule) -> Bar:
        name, level = self._chain.names[place], self._chain.levels[place]
        line = (name, self._chain.names[place + 1])
        if rule in (Rule.V1, Rule.V6):
            lacks = self._lacks(place)
            why = f"so it cannot promise {level.name}"
            if rule is Rule.V6:
                why = "which would be its way out when its upstream fails it"
            return Bar(
                Code.REGISTRY_NOT_ACCEPTED,
                rule.value,
                f"{name} does not accept {_registries(lacks)}, {why}",
                name,
                line if rule is Rule.V1 else None,
                registries=lacks,
                next_step=f"{name} can accept it: {_accept(lacks)}",
            )
        if rule is Rule.V2:
            return self._no_proxy(place, line)
        if rule is Rule.V7:
            return Bar(
                Code.NOT_WATCHING,
                rule.value,
                f"{name} does not watch registries, so an early decision could leak late to it",
                name,
                next_step=f"{name} can watch them: `pledgeway fees set --watch`",
            )
        assert rule is Rule.V9, rule
        mode = mode_of(self._chain.levels[place - 1], level)
        assert mode is not None
        return Bar(
            Code.MODE_REFUSED,
            rule.value,
            f"{name} has no price for mode {mode.name}, so it refuses it",
            name,
            mode=mode,
            next_step=f"{name} can name a price: `pledgeway fees set {mode.name} RATE FLAT`",
        )

    def _no_proxy(self, place: int, line: tuple[str, str]) -> Bar:
        name, node = self._chain.names[place], self._nodes[place]
        members = self._chain.policy.members
        text = f"{name} accepts {_registries(members)} itself, so it gives no PROXY promise"
        next_step = ""
        if not node.facts.trusts(self._members):
            unknown = tuple(m for m in members if node.knows is not None and m not in node.knows)
            text = f"{name} holds no current record of {_registries(unknown)}, so it gives no PROXY"
            next_step = f"{name} can take one in: `pledgeway node registry add FILE`"
        return Bar(Code.PROXY_NOT_ALLOWED, Rule.V2.value, text, name, line, next_step=next_step)

    def _lacks(self, place: int) -> tuple[str, ...]:
        accepts = self._nodes[place].accepts
        return tuple(m for m in self._chain.policy.members if m not in accepts)

    # ------------------------------------------------------------------ lines

    def of_lines(self) -> list[Bar]:
        """V10, and what is learned of lines."""
        chain, found, brand = self._chain, [], self._chain.brand
        question = self._question
        for line, amount in zip(self._lines, chain.amounts, strict=True):
            ends = (line.promisor, line.promisee)
            sees = question.firm_overrides.get(ends, line.available)
            if (short := amount - sees) > 0:
                found.append(
                    Bar(
                        Code.CREDIT_SHORT,
                        Rule.V10.value,
                        f"line {ends[0]}→{ends[1]} is short by {short} {brand}",
                        ends[0],
                        ends,
                        short,
                        next_step=f"{ends[1]} can grant {ends[0]} {short} {brand} more:"
                        f" `pledgeway line limit {quote(ends[0])} LIMIT`",
                    )
                )
            elif (short := amount - question.capacity_overrides.get(ends, amount)) > 0:
                found.append(
                    Bar(
                        Code.LEARNED,
                        Code.LEARNED.rule,
                        f"line {ends[0]}→{ends[1]} has just refused: it is asked for no more than"
                        f" {amount - short} {brand}, {short} less, for a while",
                        ends[0],
                        ends,
                        short,
                        next_step="wait, or let it be tried again:"
                        f" `pledgeway network forget --line {quote(ends[0])}-{quote(ends[1])}`",
                    )
                )
        return found

    # ------------------------------------------------------------------ the whole chain

    def of_the_whole(self) -> list[Bar]:
        """V5, V8, V11 and V12: what the protocol's check says of all promises together."""
        chain, question = self._chain, self._question
        accepted = question.accepted
        payee = PayeeTerms(
            # The levels that the payee takes are told apart from the registries that it accepts.
            last_levels=ALL_LEVELS,
            policy_accepted=None if accepted is None else chain.policy.terms in accepted,
            margin_us=question.payee_margin_us,
            latest_deadline=question.latest_deadline,
        )
        violations = check_chain(
            Chain(
                names=chain.names,
                nodes=tuple(node.facts for node in self._nodes),
                levels=chain.levels,
                amounts=chain.amounts,
                available=chain.amounts,
                members=self._members,
                payee=payee,
                lateness_us=chain.policy.lateness_us,
                declines=question.declines,
                line_fees=tuple(line.fees for line in self._lines),
                max_hops=question.max_hops,
                deadline_floor=question.deadline_floor,
            )
        )
        found = [] if chain.levels[-1] in question.last_levels else [self._no_last_level()]
        return found + [bar for v in violations if (bar := self._of_the_whole(v)) is not None]

    def _no_last_level(self) -> Bar:
        payee, level = self._chain.names[-1], self._chain.levels[-1]
        step = f"allow it: --last-level {level.name}"
        if self._question.accepted is not None:
            step = f"ask {payee} for a request that takes {level.name}"
        return Bar(
            Code.PAYEE_REFUSES_LEVEL,
            Rule.V5.value,
            f"{payee} does not take a last promise of level {level.name}",
            payee,
            level=level,
            next_step=step,
        )

    def _of_the_whole(self, broken: Violation) -> Bar | None:
        rule, figure = broken.rule.value, broken.figure
        match broken.rule:
            case Rule.V5:
                return self._payee_refuses_registry()
            case Rule.V8:
                return self._too_late(broken)
            case Rule.V11:
                length, most = len(self._chain.levels), self._question.max_hops
                text = f"the chain has {length} promises, {figure} more than the {most}"
                step = f"allow them: --max-hops {length}"
                return Bar(
                    Code.TOO_MANY_HOPS, rule, f"{text} allowed", figure=figure, next_step=step
                )
            case Rule.V12:
                text = "a chain with SECURED or GATEWAY modes cannot carry a decline hash"
                return Bar(Code.DECLINE_HASH, rule, text)
        return None

    def _payee_refuses_registry(self) -> Bar:
        payee, level = self._chain.names[-1], self._chain.levels[-1].name
        if self._question.accepted is not None:
            lacks = self._chain.policy.members
            text = f"the request of {payee} does not name {_registries(lacks)}"
            step = f"ask {payee} for a request that does"
        else:
            lacks = self._lacks(len(self._chain.names) - 1)
            text = f"{payee} does not accept {_registries(lacks)}"
            step = f"{payee} can accept it: {_accept(lacks)}"
        return Bar(
            Code.PAYEE_REFUSES_REGISTRY,
            Rule.V5.value,
            f"{text}, so it does not take a last promise of level {level}",
            payee,
            registries=lacks,
            next_step=step,
        )

    def _too_late(self, broken: Violation) -> Bar:
        figure, place = broken.figure, broken.place
        if not figure:
            text = "no deadline is late enough for everybody on the chain"
            return Bar(Code.NO_SCHEDULE, broken.rule.value, text)
        name, seconds = self._chain.names[place], _seconds(figure)
        if place == len(self._chain.levels):
            return Bar(
                Code.DEADLINE_TOO_LATE,
                broken.rule.value,
                f"the deadline is {seconds} later than {name} allows",
                name,
                figure=figure,
                next_step=f"ask {name} for a request that leaves more time",
            )
        lock = -(-(self._nodes[place].hold_max_us + figure) // US)
        return Bar(
            Code.LOCKS_TOO_LONG,
            broken.rule.value,
            f"the promise of {name} locks {seconds} longer than its hold_max",
            name,
            figure=figure,
            next_step=f"{name} can hold longer: `pledgeway fees set --hold-max {lock}s`",
        )

    # ------------------------------------------------------------------ the question's own limits

    def of_the_question(self) -> list[Bar]:
        """Cost, risk, what is avoided, levels and registries."""
        return [*self._too_much(), *self._avoided(), *self._not_asked()]

    def _too_much(self) -> list[Bar]:
        chain, question, found = self._chain, self._question, []
        payer, cost = chain.names[0], chain.amounts[0]
        if (over := cost - question.max_cost) > 0:
            text = f"it costs {over} {chain.brand} more than the {question.max_cost} allowed"
            step = f"allow it: --max-cost {cost}"
            found.append(
                Bar(Code.MAX_COST, Code.MAX_COST.rule, text, payer, figure=over, next_step=step)
            )
        most = question.max_risk
        if most is not None and chain.risk > most:
            text = f"its total risk is {chain.risk}, {chain.risk - most} more than the {most}"
            step = f"allow it: --max-risk {chain.risk}"
            found.append(
                Bar(
                    Code.MAX_RISK,
                    Code.MAX_RISK.rule,
                    f"{text} allowed",
                    payer,
                    figure=chain.risk - most,
                    next_step=step,
                )
            )
        return found

    def _avoided(self) -> list[Bar]:
        names, question, found = self._chain.names, self._question, []
        code = Code.AVOIDED
        for name in names[1:-1]:
            if name in question.avoid_nodes:
                text = f"{name} is to be avoided"
                found.append(
                    Bar(code, code.rule, text, name, next_step=f"drop --avoid {quote(name)}")
                )
        for ends in pairwise(names):
            if ends in question.avoid_lines:
                text = f"line {ends[0]}→{ends[1]} is to be avoided"
                # It may have been typed with any arrow, for both directions, or as a pair.
                step = f"drop the --avoid or --avoid-line that names {ends[0]}→{ends[1]}"
                found.append(Bar(code, code.rule, text, ends[0], ends, next_step=step))
        return found

    def _not_asked(self) -> list[Bar]:
        chain, question, found = self._chain, self._question, []
        code = Code.LEVEL_NOT_ASKED
        for i, (level, ends) in enumerate(zip(chain.levels, pairwise(chain.names), strict=True)):
            first = i == 0 and level not in question.first_levels
            if first or level not in question.levels:
                option = "--first-level" if level in question.levels else "--level"
                text = f"level {level.name} is not allowed for the promise {ends[0]}→{ends[1]}"
                step = f"allow it: {option} {level.name}"
                found.append(Bar(code, code.rule, text, ends[0], ends, level=level, next_step=step))
        policy, asked = chain.policy, question.policies
        if asked is not None and policy.members and policy.name not in asked:
            code = Code.REGISTRY_NOT_ASKED
            text = f"{_registries(policy.members)} is not among those to use"
            step = f"allow it: --registry {quote(policy.name)}"
            found.append(Bar(code, code.rule, text, registries=policy.members, next_step=step))
        return found


def _registries(names: tuple[str, ...]) -> str:
    return f"registry {names[0]}" if len(names) == 1 else f"registries {', '.join(names)}"


def _accept(names: tuple[str, ...]) -> str:
    return ", ".join(f"`pledgeway node registry accept {quote(name)}`" for name in names)


def _seconds(us: int) -> str:
    """To the millisecond, rounded up: 0.0 s too long would be no reason."""
    ms = -(-us // 1000)
    return f"{ms // 1000}.{ms % 1000:03d}".rstrip("0").removesuffix(".") + " s"
