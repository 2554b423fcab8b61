"""A policy as JSON: in the owner's terms, with a payment, and in the files people hand around."""

from collections.abc import Mapping
from typing import Any, Final

from proto.limits import US
from proto.policy import RegistryPolicy

MS_US: Final = US // 1000


def policy_json(policy: RegistryPolicy) -> dict[str, Any]:
    """As in a network file (protocol section 10), with ids in hex for names."""
    return {
        "members": [member.hex() for member in policy.members],
        "qc": policy.qc,
        "qa": policy.qa,
        "f": policy.f,
        "delta_ms": policy.delta_us // MS_US,
    }


def policy_of_json(data: Mapping[str, Any]) -> RegistryPolicy:
    """Of our own making. KeyError, TypeError, ValueError where it is somebody else's and wrong;
    rule N3 is the caller's."""
    if not isinstance(data["members"], list):
        raise ValueError("members is a list of ids")
    members = tuple(sorted(bytes.fromhex(member) for member in data["members"]))
    numbers = [data[name] for name in ("qc", "qa", "f", "delta_ms")]
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
        raise ValueError("qc, qa, f and delta_ms are whole numbers")
    qc, qa, f, delta_ms = numbers
    return RegistryPolicy(members, qc, qa, f, delta_ms * MS_US)
