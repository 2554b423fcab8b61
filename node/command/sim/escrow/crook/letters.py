"""Letters as a dishonest party or coordinator writes them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import SHARE_KIND, Commit, Evidence
from proto.envelope import sign
from proto.escrow.letters import (
    Body,
    Decided,
    Dossier,
    Fix,
    Give,
    Given,
    Invite,
    Join,
    LegAccept,
    LegsAccepted,
    Receive,
    Share,
    Withdraw,
    encode_letter,
    sign_letter,
)
from proto.escrow.letters import Letter as Words
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId, SigningKey

if TYPE_CHECKING:
    from node.command.sim.escrow.crook.crook import Crook

LATE_S: Final = (0.5, 4.0, 9.0, 18.0)


@dataclass(frozen=True, slots=True)
class Bent:
    """What becomes of a letter. `body` None: it is no letter."""

    body: Body | None
    withheld: bool = False
    after_s: float = 0.0


def wrapped(key: SigningKey, to: NodeId, at_us: int, body: Body | None) -> bytes:
    """The signed bytes of other words to the same receiver."""
    assert body is not None
    return sign_letter(key, encode_letter(Words(key.node_id, to, at_us, body)))


def bent(crook: "Crook", to: NodeId, body: Body) -> Bent:
    """Its choice, by its dice: mostly the truth."""
    name = type(body).__name__.lower()
    if to == crook.identity.node and not isinstance(body, Withdraw):
        return Bent(body)  # its own core gets what it is due
    if crook.tells(f"withholds-{name}"):
        return Bent(body, withheld=True)
    after_s = crook.random.choice(LATE_S) if crook.tells(f"late-{name}") else 0.0
    return Bent(_other(crook, body), after_s=after_s)


def _other(crook: "Crook", body: Body) -> Body:
    match body:
        case LegsAccepted() if crook.tells("accepts-elsewhere"):
            return replace(body, legs=_mixed(crook, body.legs))
        case Give() if crook.tells("gives-elsewhere"):
            return replace(body, legs=_mixed(crook, body.legs))
        case Given() if crook.tells("false-promise"):
            return replace(body, promise=_some(crook, list(crook.promises), body.promise))
        case Given() if crook.tells("false-alarm"):
            return Given(body.commit, body.seat, body.no, why=EscrowReason.FUNDS_SHORT)
        case Receive() if crook.tells("other-promises"):
            return replace(body, promises=_promises(crook, body.promises))
        case Share() if crook.tells("false-share"):
            share = sign(crook.identity.key, SHARE_KIND, body.commit)
            return replace(body, share=replace(share, key=body.share.key))
        case Decided() if crook.tells("false-certificate"):
            return false_certificate(crook, body)
        case Invite() | Join() | Withdraw() | Fix() | Dossier():
            return body  # other terms are another trick
        case _:
            return body


def _some(crook: "Crook", choice: list[bytes], otherwise: bytes) -> bytes:
    found = [one for one in choice if one != otherwise]
    return crook.random.choice(found) if found else crook.random.randbytes(64)


def _mixed(crook: "Crook", legs: tuple[LegAccept, ...]) -> tuple[LegAccept, ...]:
    """Holds and requests of other legs, of other deals, or of nobody."""
    made = []
    for leg in legs:
        others = [replace(a, no=leg.no) for a in crook.accepts.values()]
        made_up = crook.random.randbytes(32)
        choice = [LegAccept(leg.no, hold=made_up), LegAccept(leg.no, request=made_up)]
        choice += [other for other in others if other != leg]
        made.append(crook.random.choice(choice))
    return tuple(made)


def _promises(crook: "Crook", promises: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(_some(crook, list(crook.promises), promise) for promise in promises)


def false_certificate(crook: "Crook", shown: Decided) -> Decided:
    """The opposite of what was decided, or the words of another decision."""
    certificate = shown.certificate
    others = [d.certificate for c, d in crook.known.items() if c != certificate.commit_id]
    statements = crook.random.choice(others).statements if others else certificate.statements
    if isinstance(certificate, CommitCertificate):
        return Decided(AbortCertificate(certificate.descriptor, statements))
    evidence = Evidence((sign(crook.identity.key, SHARE_KIND, certificate.commit_id),)).encode()
    commit = Commit(certificate.descriptor, evidence)
    return Decided(CommitCertificate(commit, statements))
