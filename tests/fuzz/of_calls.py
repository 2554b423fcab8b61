"""Targets: what comes over https, from whoever asks for money and from whoever has a domain."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from node.command.sim.cast import NOW_US, digest
from proto.approval import (
    Approval,
    Approved,
    PasskeyProof,
    read_approval,
    read_approved,
    sign_approval,
)
from proto.domain import (
    DOMAIN_KIND,
    DomainProof,
    domain_document,
    nodes_of,
    read_domain_proof,
    sign_domain_proof,
)
from proto.envelope import Envelope
from proto.interaction import read_way_back, way_back
from proto.keys import NodeId, SigningKey
from proto.levels import Level
from proto.notice import NoticeKind, Told, read_told
from proto.request import REQUEST_KIND, PaymentRequest, read_request, sign_request
from proto.request_parts import MandateTerms, Requester
from proto.submission import SUBMISSION_KIND, Submission, read_submission
from proto.webhook import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    WebhookFault,
    public_text,
    read_public,
    read_secret,
    secret_text,
    sign_webhook,
    verify_webhook,
)
from proto.wire import WireFault
from runtime.looks.behind import FORWARDED, forwarded
from tests.fuzz import values as v
from tests.fuzz.mutate import Form
from tests.fuzz.target import Target

WIRE: Final = (WireFault,)
WEBHOOK: Final = (WebhookFault,)
HEADERS: Final = (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
SENT_S: Final = NOW_US // 1_000_000
AUDIENCE: Final = NodeId(digest("a payer's node"))
DOMAIN: Final = "shop.example"
REQUESTER: Final = Requester(
    v.NODE.public, "A shop", "https://shop.example/n", "https://shop.example"
)
ASKED: Final = replace(
    v.REQUEST, requester=REQUESTER, mandate=MandateTerms(5, 10**6, 10, 20, NOW_US), domain=DOMAIN
)
APPROVAL: Final = Approval(
    b"h" * 32, b"p" * 16, b"b" * 16, 105, 5, frozenset(Level), (), NOW_US, b"a" * 16, 3, DOMAIN
)
PASSKEY: Final = PasskeyProof(b"c", b"k" * 77, b"d" * 37, b"{}", b"s" * 70, f"https://{DOMAIN}")


def _sealed(kind: str, payload: bytes) -> bytes:
    return Envelope.seal(v.NODE, kind, payload).encode()


def _payload(data: bytes) -> bytes:
    return Envelope.decode(data).payload


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda data: read(data.decode("latin-1"))


def _call(data: bytes) -> Any:
    """Three lines of headers and a body."""
    *lines, body = data.split(b"\n", len(HEADERS))
    headers = dict(zip(HEADERS, (line.decode("latin-1") for line in lines), strict=False))
    return verify_webhook(headers, body, [v.NODE.public], SENT_S) or b"empty"


def _called(body: bytes) -> bytes:
    signed = sign_webhook([v.NODE], "msg_1", SENT_S, body)
    return b"\n".join([*(signed[name].encode() for name in HEADERS), body])


def _submitted(payload: bytes) -> Any:
    sealed = _sealed(SUBMISSION_KIND, payload)
    return read_submission(sealed, AUDIENCE, NOW_US).submission


def _proof(proof: DomainProof) -> bytes:
    return _payload(sign_domain_proof(v.NODE, proof.domain, proof.until_us))


def approvals() -> list[Target]:
    """What a payer is asked, and what it answers."""
    encoded = APPROVAL.encode()
    approved = (
        sign_approval(v.NODE, APPROVAL),
        *(Approved(encoded, by) for by in (PASSKEY, b"m" * 32)),
    )
    return [
        Target("request of a requester", lambda d: read_request(_sealed(REQUEST_KIND, d), NOW_US),
               WIRE, (ASKED.encode(),), PaymentRequest.encode),
        Target("approval", read_approval, WIRE, (encoded,), Approval.encode, exact=True),
        Target("approved", read_approved, WIRE, tuple(a.encode() for a in approved),
               Approved.encode),
    ]  # fmt: skip


def calls() -> list[Target]:
    """Webhooks and their keys, submissions, ways back, proofs of domains, and who calls."""
    request = sign_request(v.NODE, v.REQUEST)
    submission = Submission(request, "Alice", b"n" * 32, "cart", NOW_US, AUDIENCE)
    proof = sign_domain_proof(v.NODE, DOMAIN, NOW_US)
    text = Form.TEXT
    return [
        Target("webhook", _call, WEBHOOK, (_called(b'{"type":"x"}'), _called(b"")), form=text),
        Target("webhook secret", _text(lambda t: read_secret(t).seed), WEBHOOK,
               (secret_text(v.NODE).encode(),),
               lambda seed: secret_text(SigningKey(seed)).encode() + b"\n", form=text),
        Target("webhook public", _text(read_public), WEBHOOK,
               (public_text(v.NODE.public).encode(),), lambda key: public_text(key).encode(),
               form=text),
        Target("submission", _submitted, WIRE, (submission.encode(),), Submission.encode,
               exact=True),
        Target("way back", _text(lambda url: way_back(url, "cart", "h")), WIRE,
               (b"https://shop.example/back?x=1", b"http://localhost:8080"), form=text),
        Target("who comes back", _text(read_way_back), WIRE, (b"x=1&state=s&hash=h",), form=text),
        Target("notice", read_told, WIRE,
               (Told(NoticeKind.COMMITTED, b"i" * 16, "https://node.example/r").encode(),
                Told(NoticeKind.DENIED, b"i" * 16).encode()),
               Told.encode, form=text),
        Target("domain proof", lambda d: read_domain_proof(_sealed(DOMAIN_KIND, d)), WIRE,
               (_payload(proof),), _proof, exact=True),
        Target("domain document", lambda d: nodes_of(d, DOMAIN), WIRE,
               (domain_document([proof]).encode(), b'{"nodes": []}'), form=text),
        Target("forwarded for", lambda d: forwarded([(FORWARDED, d)], 2), (),
               (b"203.0.113.7:80, [2001:db8::1%0]:4", b"127.0.0.1"), form=text),
    ]  # fmt: skip
