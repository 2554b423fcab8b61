"""Proofs that a node has a domain: both have to say so."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import signing_key
from proto.domain import (
    DOMAIN_KIND,
    MAX_DOCUMENT_BYTES,
    MAX_PROOF_BYTES,
    MAX_PROOFS,
    DomainProof,
    domain_document,
    nodes_of,
    read_domain_document,
    read_domain_proof,
    sign_domain_proof,
)
from proto.envelope import Envelope
from proto.v1 import confirm_pb2 as pb
from proto.wire import WireFault, canonical

NODE, OTHER = signing_key("node"), signing_key("other")
DOMAIN, UNTIL_US = "shop.example", 10**15
GOOD = sign_domain_proof(NODE, DOMAIN, UNTIL_US)
SAID = DomainProof(NODE.node_id, DOMAIN, UNTIL_US)


def test_a_proof_and_its_document() -> None:
    assert read_domain_proof(GOOD) == SAID
    body = domain_document([GOOD, sign_domain_proof(OTHER, DOMAIN, 5)]).encode()
    assert nodes_of(body, DOMAIN) == (SAID, DomainProof(OTHER.node_id, DOMAIN, 5))
    assert json.loads(body)["nodes"][0] == {"proof": b64encode(GOOD).decode()}


def test_the_longest_proof_fits() -> None:
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(sign_domain_proof(NODE, longest, 2**62)) < MAX_PROOF_BYTES


def forged(key: bytes = NODE.public, domain: str = DOMAIN, until_us: int = UNTIL_US) -> bytes:
    said = canonical(pb.DomainProof(node=key, domain=domain, until_us=until_us))
    return Envelope.seal(NODE, DOMAIN_KIND, said).encode()


BAD = (
    ("for another node", forged(key=OTHER.public)),
    ("no domain", forged(domain="")),
    ("capitals", forged(domain="Shop.example")),
    ("a URL", forged(domain="https://shop.example")),
    ("no time", forged(until_us=0)),
    ("before 1970", forged(until_us=-1)),
    ("another kind", Envelope.seal(NODE, "pledgeway/x/v1", b"").encode()),
    ("too long", GOOD + bytes(MAX_PROOF_BYTES)),
    ("empty", b""),
)


@pytest.mark.parametrize("data", [b[1] for b in BAD], ids=[b[0] for b in BAD])
def test_proofs_that_are_none(data: bytes) -> None:
    with pytest.raises(WireFault):
        read_domain_proof(data)
    # And they are no fault of the one beside them.
    assert nodes_of(domain_document([data, GOOD]).encode(), DOMAIN) == (SAID,)


def test_a_proof_of_another_domain_is_worth_nothing_here() -> None:
    """Whoever copies a document shows that its nodes have the other domain."""
    assert nodes_of(domain_document([GOOD]).encode(), "sh0p.example") == ()
    assert nodes_of(domain_document([GOOD]).encode(), "www." + DOMAIN) == ()


BAD_DOCUMENTS = (
    *(b"", b"<html>", b"[]", b"{}", b'{"nodes": {}}', b'{"nodes": 1}', b"\xff\xfe"),
    *(b"[" * 60_000, b" " * (MAX_DOCUMENT_BYTES + 1), b'{"nodes": ' + b"9" * 5000 + b"}"),
    domain_document([GOOD] * (MAX_PROOFS + 1)).encode(),
)


@pytest.mark.parametrize("body", BAD_DOCUMENTS, ids=range(len(BAD_DOCUMENTS)))
def test_documents_that_are_none(body: bytes) -> None:
    with pytest.raises(WireFault):
        read_domain_document(body)


def test_what_is_new_in_a_document_is_passed_over() -> None:
    nodes = [{"proof": b64encode(GOOD).decode(), "name": "x"}, {}, 7, {"proof": 1}, {"proof": "?"}]
    body = json.dumps({"nodes": nodes, "more": [1]}).encode()
    assert nodes_of(body, DOMAIN) == (SAID,)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(WireFault):
        read_domain_proof(data)
    with pytest.raises(WireFault):
        read_domain_proof(Envelope.seal(NODE, DOMAIN_KIND, data).encode())


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda x: (
            st.lists(x, max_size=4)
            | st.dictionaries(st.sampled_from(["nodes", "proof", "x"]), x, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_any_json(document: object) -> None:
    body = json.dumps(document).encode()
    try:
        assert all(isinstance(p, bytes) for p in read_domain_document(body))
        assert nodes_of(body, DOMAIN) == ()
    except WireFault:
        assert not isinstance(document, dict) or not isinstance(document.get("nodes"), list)
