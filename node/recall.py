"""A word about something settled: its rows come back from the archive before it is heard.

So leaving for the archive is never an end of its own. A late booking is booked, a late claim is
answered, a repeated promise is a repeated one, and a request that was paid is not paid again.
"""

from node.archive import Archive, Found
from node.core.events import (
    AbandonPayment,
    ConfirmRequest,
    CreatePayment,
    DeclineRequest,
    Event,
    FromPeer,
    LearnCertificate,
)
from node.core.people.events import ApproveRequest, BringRequest
from node.core.rows import Direction, Key, Payment, PaymentPhase, Promise, Request, Transaction
from node.core.settling import barred_from_us, sums_with
from node.group import Group
from node.memory import Memory
from proto import messages
from proto.descriptor import DescriptorInvalid, decode_descriptor


def recall(archive: Archive | None, memory: Memory, event: Event, group: Group) -> None:
    """Brings back what the event speaks of, if it has left. StoreFailed: then it cannot be heard.

    Costs a look at the memory; the disk is asked only about what the memory does not know.
    """
    if archive is not None and isinstance(event, BringRequest):
        _recall_confirmation(archive, memory, event.row.key)
    if archive is None or archive.empty:
        return
    found = _find(archive, memory, event)
    if found is None or any(memory.row(row.key) for row in found.bundle.rows):
        return  # a promisor that used an id again has a new promise under it, and that one stands
    _bring_back(archive, memory, found, group)
    if isinstance(event, FromPeer) and isinstance(event.body, messages.Redeemed):
        _bring_requests(archive, memory, found, group)


def _bring_requests(archive: Archive, memory: Memory, found: Found, group: Group) -> None:
    """An earlier attempt left without its request, which says whose purse a late booking fills."""
    named = {p.owner for p in found.bundle.promises if p.owner and p.direction is Direction.IN}
    for owner in sorted(named):
        of = _find_owner(archive, memory, (Request.table, owner, b""))
        if of is not None and not any(memory.row(row.key) for row in of.bundle.rows):
            _bring_back(archive, memory, of, group)


def _bring_back(archive: Archive, memory: Memory, found: Found, group: Group) -> None:
    bundle = found.bundle
    sums = sums_with(memory.settled, bundle.promises, -1)
    for row in (*bundle.rows, *sums.values()):
        memory.put(row)
        group.rows[row.key] = row
    # Crash here, or any time before the commit: the bundle is in the archive, whole.
    group.writes.extend(archive.take_back(found))


def _recall_confirmation(archive: Archive, memory: Memory, key: Key) -> None:
    """One that has ended is on the disk alone; asked for once more it is that one."""
    if memory.row(key) is None and (found := archive.row(key)) is not None:
        row, version = found
        memory.put(row)
        memory.versions[key] = version


def _find(archive: Archive, memory: Memory, event: Event) -> Found | None:
    match event:
        case FromPeer():
            return _find_promise(archive, memory, event)
        case CreatePayment() if event.request.expires_at_us <= archive.requests_until_us:
            live = (p.phase for p in memory.payments_of(event.request_hash))
            if PaymentPhase.COMMITTED not in live:
                return archive.committed(event.request_hash)
        case ApproveRequest() if event.request.expires_at_us <= archive.requests_until_us:
            return archive.committed(event.approval.request_hash)
        case AbandonPayment(payment=identity):
            return _find_owner(archive, memory, (Payment.table, identity, b""))
        case ConfirmRequest(request=identity) | DeclineRequest(request=identity):
            return _find_owner(archive, memory, (Request.table, identity, b""))
        case LearnCertificate(certificate=certificate):
            return _find_transaction(archive, memory, certificate.commit_id)
        case _:
            pass
    return None


def _find_transaction(archive: Archive, memory: Memory, commit: bytes) -> Found | None:
    known = memory.row((Transaction.table, commit, b""))
    return None if known else archive.transaction(commit)


def _find_owner(archive: Archive, memory: Memory, key: Key) -> Found | None:
    return None if memory.row(key) else archive.owner(key[1])


def _find_promise(archive: Archive, memory: Memory, event: FromPeer) -> Found | None:
    match event.body:
        case messages.Promise() as body:
            promisor = bytes(event.peer)
            if not _may_be_old(archive, body):
                return None
        case messages.Abandon() | messages.Denied() | messages.Redeemed() as body:
            promisor = bytes(event.peer)
        case (
            messages.Accepted() | messages.Refuse() | messages.Release() | messages.Claim() as body
        ):
            promisor = bytes(memory.settings.node)
        case messages.Passed() as passed:
            return _find_transaction(archive, memory, passed.certificate.commit_id)
        case _:
            return None
    known = memory.row((Promise.table, promisor, body.promise))
    return None if known else archive.promise(promisor, body.promise)


def _may_be_old(archive: Archive, body: messages.Promise) -> bool:
    """Whether this very promise may have been settled: not before its time had passed."""
    try:
        descriptor = decode_descriptor(body.descriptor)
    except DescriptorInvalid:
        return False
    return (
        not (body.level.has_expiry or descriptor.policy.members)
        or barred_from_us(body.level, body.expires_at_us, descriptor) <= archive.horizon_us
    )
