"""A policy as a file that operators publish and owners of nodes add: JSON, ids in full."""

import json
from pathlib import Path
from typing import Final

from node.command.argument_types import read_file
from node.command.exit_status import UNUSABLE, fail
from node.policy_json import policy_json, policy_of_json
from proto.policy import RegistryPolicy, policy_fault

KIND: Final = "pledgeway policy 1"
WHAT: Final = "policy"
MAX_FILE_BYTES: Final = 8192  # sixteen ids and the figures are below two kilobytes


def policy_text(policy: RegistryPolicy) -> str:
    """What `registry policy make` writes."""
    return json.dumps({"kind": KIND} | policy_json(policy), indent=1) + "\n"


def read_policy(file: str | Path) -> RegistryPolicy:
    """Ends the command where the file holds no policy that keeps to rule N3."""
    data = read_file(str(file), WHAT, MAX_FILE_BYTES)
    try:
        content = json.loads(data)
        known = isinstance(content, dict) and content.get("kind") == KIND
        policy = policy_of_json(content) if known else None
    except (ValueError, KeyError, TypeError, RecursionError):
        policy = None
    if policy is None:
        fail(UNUSABLE, f"{file}: holds no {WHAT}: `pledgeway registry policy make` writes one")
    if fault := policy_fault(policy):
        fail(UNUSABLE, f"{file}: {fault.value}")
    return policy
