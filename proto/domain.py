"""That a payee has a domain: the node says so, and the domain says so (escrow section 10).

The node signs the domain's name; the domain shows that signature below its own name, in a JSON
document at `https://DOMAIN/.well-known/pledgeway`:

    {"nodes": [{"proof": "<base64 of an Envelope of DomainProof>"}]}

Either alone is worth nothing: anybody can sign any name, and anybody can copy a signature.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proto.envelope import Envelope
from proto.keys import NodeId, SigningKey
from proto.limits import MAX_SEQUENCE
from proto.request_parts import is_domain
from proto.v1 import confirm_pb2 as pb
from proto.wire import WireFault, canonical, parse_canonical

DOMAIN_KIND: Final = "pledgeway/domain/v1"
WELL_KNOWN: Final = "/.well-known/pledgeway"
MAX_PROOF_BYTES: Final = 1024  # one of the longest name has some 500; a batch's path 500 more
MAX_PROOFS: Final = 32  # nodes of one domain: each costs whoever looks it up a signature check
MAX_DOCUMENT_BYTES: Final = 65_536  # all of them in base64, and what else the domain says there


@dataclass(frozen=True, slots=True)
class DomainProof:
    """`node` has `domain` until then (POSIX µs)."""

    node: NodeId
    domain: str
    until_us: int


def sign_domain_proof(key: SigningKey, domain: str, until_us: int) -> bytes:
    """The bytes of the signed proof (an Envelope). `domain` in its plain form (`is_domain`)."""
    assert is_domain(domain) and 0 < until_us <= MAX_SEQUENCE
    payload = canonical(pb.DomainProof(node=key.public, domain=domain, until_us=until_us))
    return Envelope.seal(key, DOMAIN_KIND, payload).encode()


def read_domain_proof(data: bytes) -> DomainProof:
    """Verifies and reads it; whether its time has passed is for the reader. Raises WireFault."""
    if len(data) > MAX_PROOF_BYTES:
        raise WireFault(f"a domain's proof has at most {MAX_PROOF_BYTES} bytes")
    envelope = Envelope.decode(data)
    if envelope.kind != DOMAIN_KIND:
        raise WireFault("not a domain's proof")
    m = parse_canonical(pb.DomainProof, envelope.payload)
    if envelope.signer != m.node:
        raise WireFault("a domain's proof that its node did not sign")
    if not is_domain(m.domain) or not 0 < m.until_us <= MAX_SEQUENCE:
        raise WireFault("a domain's proof of an impossible domain or time")
    return DomainProof(NodeId(m.node), m.domain, m.until_us)


def domain_document(proofs: Iterable[bytes]) -> str:
    """The JSON to be put below WELL_KNOWN."""
    nodes = [{"proof": b64encode(proof).decode()} for proof in proofs]
    return json.dumps({"nodes": nodes}, indent=2) + "\n"


def read_domain_document(body: bytes) -> tuple[bytes, ...]:
    """The proofs in it, not verified. Raises WireFault where it is no such document.

    Other fields, and entries without a proof, are passed over: the document may grow.
    """
    if len(body) > MAX_DOCUMENT_BYTES:
        raise WireFault(f"a domain's document has at most {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = json.loads(body)
    # What is nested a thousand deep ends in a RecursionError.
    except (ValueError, RecursionError) as error:
        raise WireFault("a domain's document that is no JSON") from error
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list):
        raise WireFault('a domain\'s document without a list "nodes"')
    if len(nodes) > MAX_PROOFS:
        raise WireFault(f"a domain's document has at most {MAX_PROOFS} nodes")
    texts = (node.get("proof") for node in nodes if isinstance(node, dict))
    return tuple(_decoded(text) for text in texts if isinstance(text, str))


def nodes_of(body: bytes, domain: str) -> tuple[DomainProof, ...]:
    """Those of a document that are genuine and of this domain. Raises WireFault as above.

    One node's broken proof is no fault of the others'.
    """
    found = []
    for data in read_domain_document(body):
        try:
            proof = read_domain_proof(data)
        except WireFault:
            continue
        if proof.domain == domain:
            found.append(proof)
    return tuple(found)


def _decoded(text: str) -> bytes:
    """Empty, which is no proof, where it is no base64."""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""
