"""Targets: what daemons read on streams: of neighbours, callers, registries and path finders."""

import json
import warnings
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final

from node.command.sim.cast import NOW_US, R1, RECORDS, TWO_OF_THREE
from node.inbound import open_message
from node.route_check import BadRoute, check_route
from proto.commit import Evidence
from proto.envelope import Envelope
from proto.limits import MAX_AMOUNT
from proto.messages import MESSAGE_KIND, encode
from proto.route_wire import (
    found_from_message,
    found_to_message,
    none_from_message,
    none_to_message,
    query_from_message,
    query_to_message,
)
from proto.v1 import control_pb2, node_pb2, pathfinder_pb2, registry_pb2
from proto.wire import WireFault, parse
from registry.asks import AskById, AskCommit, AskDecline, AskNothing
from registry.examine import Examiner, examine_decline, read_subject
from registry.log import Query, Refused, Subject, decide, decide_unknown
from registry.relay import leaves_room, sender_of
from registry.service import _ask
from registry.timing import Reading
from runtime.control import ControlFailure, failed, read_arguments
from runtime.hello import Party, check_hello, make_hello
from runtime.link import parse_frame
from runtime.network_ask import read_route_ask
from runtime.rpc import RpcRefused
from runtime.rpc_client import RpcFailed
from runtime.rpc_client import _parse as parse_answer
from runtime.rpc_wire import parse as parse_rpc
from runtime.tls import (
    BadCertificate,
    certificate_name,
    certificate_pem,
    require_leaf,
    seen_pin,
    spki_sha256,
)
from runtime.transport import FrameLimits, LinkCause
from tests.fuzz import values as v
from tests.fuzz.mutate import Form
from tests.fuzz.of_proto import WIRE
from tests.fuzz.target import Target
from tests.pathfinder.advertised import town
from tests.registry.build import TERMS, reading

DER: Final = Form.DER
CERTIFICATE: Final = b64decode(  # made once by runtime.tls, whose key nobody kept
    "MIIB5DCCAYqgAwIBAgIUFx+E3QKR2G7Z8Gd2lAyGI1wEFt8wCgYIKoZIzj0EAwIwNTEzMDEGA1UEAwwqZTQ4NjViZmNl"
    "OWFlYmE2Mzc1MDY2MGM5NDUyM2JhYTUucGxlZGdld2F5MCAXDTI2MDkxMDAwMjY0MFoYDzIwNTgwNTMwMTYwMDAwWjA1"
    "MTMwMQYDVQQDDCplNDg2NWJmY2U5YWViYTYzNzUwNjYwYzk0NTIzYmFhNS5wbGVkZ2V3YXkwWTATBgcqhkjOPQIBBggq"
    "hkjOPQMBBwNCAAQ4DGfGf43gcQ2QI7SjpkQnUhCljVJYQb8yBBXmr/NDnm+dsuhl4qs4grW2qhB26K4cFRSEqpjxuVlh"
    "nO+x0srJo3YwdDA1BgNVHREELjAsgiplNDg2NWJmY2U5YWViYTYzNzUwNjYwYzk0NTIzYmFhNS5wbGVkZ2V3YXkwDAYD"
    "VR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMAoGCCqGSM49BAMC"
    "A0gAMEUCIQDISYqBT9Qr55GMarAinwJGLg4+Ex7gyS1ut6NT8GB4XwIgLO0fl0YJHcQYFcFKBqqoNBc0J/CO8ADbAVKx"
    "/Pe+28c="
)
OURS, THEIRS = Party(v.PEER.node_id, b"o" * 32), Party(v.NODE.node_id, b"t" * 32)
MADE: Final = town()
QUERY: Final = MADE.query("P", "Q", 1000)


def _hello(data: bytes) -> Any:
    return check_hello(parse(node_pb2.Hello, data), OURS, THEIRS, NOW_US) is None or None


def _hello_signed(binding: bytes) -> Any:
    signature = v.NODE.sign("pledgeway/hello/v1", binding)
    hello = node_pb2.Hello(binding=binding)
    hello.signature.key, hello.signature.signature = v.NODE.public, signature
    return check_hello(hello, OURS, THEIRS, NOW_US) is None or None


def _frame(data: bytes) -> Any:
    read = parse_frame(v.PEER.node_id, 1, data, FrameLimits(8192, 4096))
    return None if isinstance(read, LinkCause) else read


def _message(data: bytes) -> Any:
    """A neighbour signs what it likes."""
    sealed = Envelope.seal(v.NODE, MESSAGE_KIND, data).encode()
    return open_message(sealed, v.NODE.node_id, v.PEER.node_id, v.SEAL)


def _command(data: bytes) -> Any:
    command = parse(control_pb2.Command, data)
    try:
        return read_route_ask(read_arguments(command), "payer")
    except ControlFailure as failure:
        failed(failure).SerializeToString()
        raise


def _item(data: bytes) -> Any:
    """One question to a registry, up to the answer that would be signed."""
    ask = _ask(parse(registry_pb2.DecideItem, data))
    look = reading(NOW_US)
    match ask:
        case AskNothing():
            return None
        case AskById(subject):
            return decide_unknown(subject, look)
        case AskCommit(descriptor, evidence):
            return _decided(descriptor, look, lambda s: EXAMINER.commit(s, evidence, False))
        case AskDecline(descriptor, preimage):
            return _decided(descriptor, look, lambda s: examine_decline(s, preimage))
    return _decided(ask.descriptor, look, Query)


EXAMINER: Final = Examiner(R1.id, RECORDS, lambda: NOW_US)


def _decided(data: bytes, look: Reading, event: Callable[[Subject], Any]) -> Any:
    subject = read_subject(data)
    if isinstance(subject, Refused):
        return None
    verdict = decide(event(subject), None, look, TERMS)
    if isinstance(verdict, Refused):
        registry_pb2.RegistryRefused(reason=verdict.reason.name, figure=verdict.figure)
        return None
    pause = getattr(verdict, "final_after_us", None)
    assert pause is None or pause < 2**63, "an answer that cannot be signed"
    return verdict


def _relay(data: bytes) -> Any:
    evidence = Evidence.decode(data)
    leaves_room(TWO_OF_THREE, evidence)
    return sender_of(evidence)


def _found(data: bytes) -> Any:
    return found_from_message(parse(pathfinder_pb2.RouteFound, data), exact=True)


def _checked(data: bytes) -> Any:
    claimed, adverts = _found(data)
    return check_route(QUERY, claimed, adverts, MADE.payer)


def _query(data: bytes) -> Any:
    return query_from_message(parse(pathfinder_pb2.RouteQuery, data), NOW_US)


def _certificate(data: bytes) -> Any:
    """A neighbour's, as its card says; it need not be signed by anybody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library, about serial numbers
        require_leaf(data)
        return certificate_name(data), spki_sha256(data), certificate_pem(data)


def _presented(data: bytes) -> Any:
    """The same in a handshake: gRPC hands it on as text."""
    lines = b64encode(data)
    pem = b"-----BEGIN CERTIFICATE-----\n" + lines + b"\n-----END CERTIFICATE-----\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return seen_pin({"x509_pem_cert": [pem]})


def _rpc(kind: type[Any]) -> Callable[[bytes], Any]:
    return lambda data: parse_rpc(kind, data)


def streams() -> list[Target]:
    """gRPC: neighbours, registries, path finders, and the control socket."""
    hello = make_hello(v.NODE, THEIRS, OURS, NOW_US, 3, 9).hello
    frames = (
        node_pb2.Frame(batch=node_pb2.Batch(first=1, envelopes=v.ADVERTS, ack=3)),
        node_pb2.Frame(gossip=node_pb2.Gossip(adverts=v.ADVERTS, sync=b"turn")),
    )
    commands = (
        {"to": "Q", "amount": 5, "levels": ["ATOMIC"], "avoid_lines": [["A", "B"]], "parts": 2},
        {"from": "P", "to": "Q", "amount": MAX_AMOUNT, "avoid": ["B"], "explain": True},
    )
    items = [registry_pb2.DecideItem() for _ in range(3)]
    items[0].commit.CopyFrom(v.COMMIT.to_message())
    items[1].query.descriptor = v.COLLECTIVE.encode()
    items[2].decline.descriptor, items[2].decline.preimage = v.COLLECTIVE.encode(), b"no"
    found = MADE.answer(QUERY)
    none = none_to_message(MADE.find(MADE.query("P", "Q", 10**6)))  # type: ignore[arg-type]
    return [
        Target("hello", _hello, WIRE, (hello.SerializeToString(),)),
        Target("hello as signed", _hello_signed, (), (hello.binding,)),
        Target("frame", _frame, (), tuple(f.SerializeToString() for f in frames)),
        Target("message as signed", _message, WIRE,
               tuple(encode(v.NODE.node_id, v.PEER.node_id, b) for b in v.BODIES)),
        Target("TLS certificate", _certificate, (BadCertificate,), (CERTIFICATE,), form=DER),
        Target("TLS certificate presented", _presented, (), (CERTIFICATE,), form=DER),
        Target("gRPC answer", lambda d: parse_answer(registry_pb2.DecideResponse, d), (RpcFailed,),
               (b"",)),
        Target("gRPC request", _rpc(registry_pb2.DecideRequest), (RpcRefused,),
               (registry_pb2.DecideRequest(items=items).SerializeToString(),)),
        Target("control command", _command, (WireFault, ControlFailure),
               tuple(control_pb2.Command(verb="route", arguments=json.dumps(c))
                     .SerializeToString() for c in commands)),
        Target("question to a registry", _item, WIRE,
               tuple(i.SerializeToString() for i in items)),
        Target("relayed evidence", _relay, WIRE, (v.RELAYED.encode(),)),
        Target("question for a route", _query, WIRE, (query_to_message(QUERY).SerializeToString(),),
               lambda q: query_to_message(q).SerializeToString()),
        Target("question for a route, answered", lambda d: MADE.find(_query(d)), WIRE,
               (query_to_message(QUERY).SerializeToString(),), cost=10),
        Target("route", _found, WIRE, (found.SerializeToString(),),
               lambda f: found_to_message(*f).found.SerializeToString()),
        Target("route, checked", _checked, (WireFault, BadRoute), (found.SerializeToString(),),
               cost=2),
        Target("no route", lambda d: none_from_message(parse(pathfinder_pb2.RouteNone, d),
                                                       exact=True),
               WIRE, (none.none.SerializeToString(),),
               lambda n: none_to_message(n).none.SerializeToString()),
    ]  # fmt: skip
