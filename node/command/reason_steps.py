"""What somebody can do about a bar, made here where nobody advised it.

A path finder's answer holds no advice (`proto/v1/pathfinder.proto`: a stranger's is not repeated to
people, who copy commands). What a payer shows instead follows from the bar's code and names alone,
in the words that `pathfinder.bars` has for answers of one's own.
"""

from collections.abc import Callable, Mapping
from shlex import quote
from types import MappingProxyType
from typing import Final

from node.command.display import Json

CHEATED: Final = "(proven to cheat)"  # what a node adds to the name of such a registry
Step = Callable[[Json, Callable[[object], str], str], str]


def own_step(reason: Json, brand: object) -> str:
    """One half-sentence without a full stop; "" where there is none, or the reason lacks keys."""
    names: Mapping[str, str] = reason.get("names") or {}
    step = _STEPS.get(str(reason.get("code")))
    if step is None:
        return ""
    try:
        return step(reason, lambda named: str(names.get(str(named), named)), str(brand or "units"))
    except (KeyError, TypeError, ValueError):
        return ""  # kept by an older node


def _grant(reason: Json, name: Callable[[object], str], brand: str) -> str:
    promisor, promisee = map(name, reason["line"])
    more = f"{promisee} can grant {promisor} {reason['figure']} {brand} more"
    return f"{more}: `pledgeway line limit {quote(promisor)} LIMIT`"


def _accept(reason: Json, name: Callable[[object], str], _: str) -> str:
    registries = [name(registry) for registry in reason["registries"]]
    if any(CHEATED in registry for registry in registries):
        return ""
    commands = [f"`pledgeway node registry accept {quote(one)}`" for one in registries]
    return f"{name(reason['node'])} can accept it: {', '.join(commands)}"


def _forget(reason: Json, name: Callable[[object], str], _: str) -> str:
    promisor, promisee = (quote(name(end)) for end in reason["line"])
    command = f"`pledgeway network forget --line {promisor}-{promisee}`"
    return f"wait, or let it be tried again: {command}"


def _avoid_less(reason: Json, name: Callable[[object], str], _: str) -> str:
    if reason["line"]:
        promisor, promisee = map(name, reason["line"])
        return f"drop the --avoid or --avoid-line that names {promisor}→{promisee}"
    return f"drop --avoid {quote(name(reason['node']))}"


_STEPS: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "CREDIT_SHORT": _grant,
        "REGISTRY_NOT_ACCEPTED": _accept,
        "LEARNED": _forget,
        "AVOIDED": _avoid_less,
        "NOT_WATCHING": lambda r, name, _: (
            f"{name(r['node'])} can watch them: `pledgeway fees set --watch`"
        ),
        "MODE_REFUSED": lambda r, name, _: (
            f"{name(r['node'])} can name a price: `pledgeway fees set {r['mode']} RATE FLAT`"
        ),
        "TOO_MANY_HOPS": lambda r, *_: f"allow them: --max-hops {len(r['chain']) - 1}",
        "MAX_COST": lambda r, *_: f"allow it: --max-cost {r['cost']}",
        "LEVEL_NOT_ASKED": lambda r, *_: f"allow it: --level {r['level']}",
    }
)
