"""A part in an exchange opens its transaction: from then on its decision concerns this node."""

from node.core.asking import plan_asking
from node.core.rows import Role, Transaction, replace
from node.core.view import Step
from proto.descriptor import Descriptor, commit_id
from proto.reason import Reason, Refusal


def open_seat(step: Step, descriptor_bytes: bytes, descriptor: Descriptor) -> Refusal | None:
    """This node has a seat, or looks after the exchange, under this descriptor; again is nothing.

    It may be a hop of somebody else's leg already, and the registry is asked as for a seat from now
    on. LOOP where it is the payer or the payee of an ordinary payment under it: that one's promises
    and committers follow other rules, so nobody honest has made such a descriptor.
    """
    commit = commit_id(descriptor_bytes)
    known = step.transaction(commit)
    if known is not None and known.role in (Role.PAYER, Role.PAYEE):
        return Refusal(Reason.LOOP)
    if known is not None and known.role is Role.SEAT:
        return None
    if known is None:
        known = Transaction(
            commit=commit,
            descriptor=descriptor_bytes,
            role=Role.SEAT,
            deadline_us=descriptor.deadline_us,
            limit_us=descriptor.limit_us,
        )
    step.put(replace(known, role=Role.SEAT))
    plan_asking(step, commit)
    return None
