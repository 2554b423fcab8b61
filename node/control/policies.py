"""Verbs about policies: several registries that decide together, under a name of the owner's."""

from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.policy_json import policy_json
from proto.limits import MAX_ALIAS_CHARS, MAX_DELTA_US, MAX_POLICY_MEMBERS, MIN_DELTA_US, US
from proto.policy import USUAL_DELTA_US, RegistryPolicy, policy_fault, symmetric

MAX_POLICIES: Final = 64  # each is a candidate of every route
MS_US: Final = US // 1000


async def add(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Names a policy. `members`: known registries by name or id; whatever else is absent takes its
    usual value. An older policy of that name is replaced; what is promised under it stands."""
    name = _new_name(context, arguments.text("name"))
    named = arguments.texts("members", MAX_POLICY_MEMBERS) or []
    f = arguments.maybe_number("f", 0, MAX_POLICY_MEMBERS)
    qc = arguments.maybe_number("qc", 1, MAX_POLICY_MEMBERS)
    qa = arguments.maybe_number("qa", 1, MAX_POLICY_MEMBERS)
    delta_ms = arguments.number(
        "delta_ms", USUAL_DELTA_US // MS_US, MIN_DELTA_US // MS_US, MAX_DELTA_US // MS_US
    )
    arguments.done()
    members = [context.find_registry(one).record.registry for one in named]
    if len(members) < 2:
        raise bad_argument("members", "a policy has two or more; one alone needs no policy")
    usual = symmetric(members, f, delta_ms * MS_US)
    policy = RegistryPolicy(usual.members, qc or usual.qc, qa or usual.qa, usual.f, usual.delta_us)
    if fault := policy_fault(policy):
        raise bad_argument("policy", fault.value)
    known = context.book.terms.policies
    if name not in known and len(known) >= MAX_POLICIES:
        raise bad_argument("name", f"at most {MAX_POLICIES} policies: drop one first")
    await context.durable(context.book.change(policies={**known, name: policy}))
    return _shown(context, name, policy)


def _new_name(context: Context, name: str) -> str:
    if not name or len(name) > MAX_ALIAS_CHARS or not name.isprintable() or name != name.strip():
        raise bad_argument("name", f"must be 1 to {MAX_ALIAS_CHARS} printable characters")
    if any(known.record.name == name for known in context.book.registries.values()):
        # Both stand behind the same option.
        raise bad_argument("name", "a registry is called so")
    return name


async def list_policies(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The owner's policies. `accepted`: whether this node may be paid under it and forward."""
    arguments.done()
    known = sorted(context.book.terms.policies.items())
    return {"policies": [_shown(context, name, policy) for name, policy in known]}


async def drop(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Forgets the name. Requests and promises that stand are not touched."""
    name = arguments.text("name")
    arguments.done()
    known = dict(context.book.terms.policies)
    if name not in known:
        raise ControlFailure(
            "NOT_FOUND", f"no policy is called {name!r}", "see `pledgeway node policy list`"
        )
    policy = known.pop(name)
    await context.durable(context.book.change(policies=known))
    return _shown(context, name, policy)


def _shown(context: Context, name: str, policy: RegistryPolicy) -> dict[str, Any]:
    return policy_json(policy) | {
        "name": name,
        "registries": [context.registry_name(member) for member in policy.members],
        "accepted": context.engine.memory.settings.usable.issuperset(policy.members),
        "declines": policy.declines,
    }
