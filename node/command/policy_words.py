"""What a policy of several registries tolerates, and when it is stuck, in words and figures."""

from collections.abc import Iterable

from proto.limits import US
from proto.policy import RegistryPolicy


def figures(policy: RegistryPolicy) -> str:
    """Short: 2/2 of 3, f=0, delta 2 s."""
    n = len(policy.members)
    delta = f", delta {policy.delta_us / US:g} s" if n > 1 else ""
    return f"{policy.qc}/{policy.qa} of {n}, f={policy.f}{delta}"


def explained(policy: RegistryPolicy) -> Iterable[tuple[str, str]]:
    """(what, in words) for each thing that somebody who chooses has to know."""
    n = len(policy.members)
    if n == 1:
        yield "decides", "the one registry alone: its signed statement is the certificate"
        yield "lies", "it can lie about the time; signing both ways proves that it lied"
        yield "stuck", "while it is down: promises stay locked, nothing is lost"
        return
    yield "commit", f"{policy.qc} of {n} members say COMMITTED"
    yield "abort", f"{policy.qa} of {n} members say NOT_COMMITTED"
    yield "lies", _lies(policy)
    silent = n - max(policy.qc, policy.qa)
    yield "silence", f"{_members(silent)} may be down and every payment still ends"
    yield "stuck", _stuck(policy, silent)
    late_s = policy.lateness_us / US
    yield "time", f"a decision may come {late_s:g} s after the deadline; promises lock that longer"
    if policy.declines:
        yield "decline", "the payee may end a payment early at the registries"
    else:
        yield "decline", f"not at the registries (that needs qc + qa = {n + 1}): the payee releases"
    if min(policy.qc, policy.qa) == 1:
        yield "beware", "any member that lies makes one side alone: only with legal recourse"


def _lies(policy: RegistryPolicy) -> str:
    liars = policy.qc + policy.qa - len(policy.members)
    if policy.f == 0:
        return f"none tolerated: it takes {liars} signing both ways to contradict, and exposes them"
    return (
        f"{_members(policy.f)} may lie: it takes {liars} signing both ways to contradict, and"
        " exposes them"
    )


def _stuck(policy: RegistryPolicy, silent: int) -> str:
    down = f"while {silent + 1} are down: promises stay locked, nothing is lost"
    if policy.declines:
        return down
    return f"{down}; also if honest members split and a liar is silent (relaying prevents it)"


def _members(count: int) -> str:
    return {0: "no member", 1: "1 member"}.get(count, f"{count} members")
