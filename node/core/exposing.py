"""A registry was proven to cheat: what of ours still waits for its word (registry section 8)."""

from node.core.events import RegistryExposed
from node.core.rows import Direction, Incident, IncidentKind, Role
from node.core.view import Step

SHOWN_DIGITS = 8  # of a registry's id: the operator knows it by name, its list has the whole


def on_registry_exposed(step: Step, event: RegistryExposed) -> None:
    """Flags what is pending under it, once. Nothing ends by it: its certificates settle what it
    was trusted with, and silence frees a late promise as little as before."""
    pending = [p for p in step.promises_of(event.commit) if p.pending]
    transaction = step.transaction(event.commit)
    waits = transaction is not None and transaction.role is Role.SEAT and not transaction.decided
    if not pending and not waits:
        return
    given = [p for p in pending if p.direction is Direction.OUT]
    incident = Incident(
        subject=event.commit,
        kind=IncidentKind.EXPOSED,
        at_us=step.now_us,
        # Of an exchange whose legs here are rights alone there is no neighbour to name.
        peer=pending[0].peer if pending else step.settings.node,
        # What a wrong decision could cost: what we owe then, or what we are not paid.
        amount=sum(p.amount for p in given or pending),
        detail=f"registry {event.registry.hex()[:SHOWN_DIGITS]} decides about it: {event.how}",
    )
    if step.row(incident.key) is None:
        step.put(incident)
