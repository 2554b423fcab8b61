"""A part in an exchange opens its transaction: from then on its decision concerns this node."""

from node.core.asking import plan_asking
from node.core.rows import Role, Transaction, replace
from node.core.view import Step
from proto.descriptor import Descriptor, commit_id


def may_open(step: Step, descriptor_bytes: bytes) -> bool:
    """Whether nothing stands in the way of a part in this exchange.

    A node may be a hop of somebody else's leg already. Where it is the payer or the payee of an
    ordinary payment under the same descriptor, that one's promises and committers follow other
    rules: nobody honest has made such a descriptor.
    """
    known = step.transaction(commit_id(descriptor_bytes))
    return known is None or known.role not in (Role.PAYER, Role.PAYEE)


def open_seat(
    step: Step, descriptor_bytes: bytes, descriptor: Descriptor, deal: bytes = b""
) -> None:
    """This node has a seat, or looks after the exchange `deal` (16 bytes), under this descriptor;
    again is nothing. The registry is asked as for a seat from now on. Without `deal`: a money leg
    of it has come, whichever exchange it belongs to."""
    commit = commit_id(descriptor_bytes)
    assert may_open(step, descriptor_bytes), commit.hex()
    known = step.transaction(commit)
    if known is not None and known.role is Role.SEAT and (known.owner or not deal):
        return
    if known is None:
        known = Transaction(
            commit=commit,
            descriptor=descriptor_bytes,
            role=Role.SEAT,
            deadline_us=descriptor.deadline_us,
            limit_us=descriptor.limit_us,
        )
    step.put(replace(known, role=Role.SEAT, owner=deal))
    plan_asking(step, commit)
