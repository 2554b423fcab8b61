"""Targets: what is read of HTTP, and files that owners write, import and copy."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any, Final
from uuid import UUID

from google.protobuf.message import DecodeError

from node.archive_block import decode_block, encode_block
from node.command.registry_status import _facts
from node.command.sim.cast import NOW_US, TWO_OF_THREE
from node.config import ConfigFault as NodeFault
from node.config import NodeConfig
from node.config import config_text as node_text
from node.config import read_config as read_node
from node.core.rows import Payment, PaymentPhase, Role, Transaction
from node.core.settling import Bundle
from node.policy_json import policy_json, policy_of_json
from pathfinder.answer_json import answer_as_json
from pathfinder.answer_read import read_whole
from pathfinder.asking import WholeAnswer
from pathfinder.config import ConfigFault as FinderFault
from pathfinder.config import PathFinderConfig
from pathfinder.config import config_text as finder_text
from pathfinder.config import read_config as read_finder
from pathfinder.core.search import find_route
from pathfinder.files.foreign import ForeignFault, credit_links, edges
from pathfinder.files.json_place import NetworkFileError
from pathfinder.files.network_file import format_network
from pathfinder.files.network_parse import parse_network
from pathfinder.question import RouteQuestion
from pathfinder.serving.home import read_node_card
from proto.card import sign_card
from proto.keys import KeyPurpose
from proto.plain_text import to_base64
from proto.policy import policy_fault
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse
from registry.audit.statements import _statements
from registry.config import Config as RegistryConfig
from registry.config import ConfigFault as RegistryFault
from registry.config import config_text as registry_text
from registry.config import read_config as read_registry
from registry.health import Health, MemberHealth, ShardHealth, WitnessHealth
from registry.health_json import health_json, read_health
from registry.record_draft import Draft, begin
from registry.tlog import decode_entries, encode_entries, parse_tile_path
from registry.web.accept import preferred
from registry.web.commits import MAX_URL_ID_CHARS
from registry.witness.config import ConfigFault as WitnessFault
from registry.witness.config import WitnessConfig
from registry.witness.config import config_text as witness_text
from registry.witness.config import read_config as read_witness
from registry.witness.rule import Request, read_request
from runtime.address import split_address
from tests.fuzz import values as v
from tests.fuzz.of_daemons import CERTIFICATE
from tests.fuzz.of_proto import TEXT, WIRE
from tests.fuzz.target import Target
from tests.pathfinder.compare import graph_of
from tests.pathfinder.networks import case
from tests.pathfinder.test_search import worked

PINNED: Final = replace(
    v.CARD, tls_certificate=CERTIFICATE, tls=v.node_key(KeyPurpose.TLS, CERTIFICATE)
)

ARCHIVED: Final = Bundle(
    Transaction(v.COMMIT.commit_id, v.COMMIT.descriptor, Role.PAYER, 5, 7, statements=(b"", b"x")),
    (),
    (
        Payment(
            *(v.ID, v.COMMIT.commit_id, b"request", 9, v.BRAND, v.PEER.node_id),
            *(PaymentPhase.ABORTED, 12, "{}", 1, v.COMMIT.commit_id, 9, "route", 13, v.NO),
        ),
    ),
)

# A block comes from the node's own disk. That damage ends in one of these is all that is asked.
OF_OWN_MAKING: Final = (
    *(zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError),
    *(OverflowError, DecodeError, WireFault),
)

FOLDER: Final = Path(mkdtemp(prefix="fuzz-"))


def _file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    path = FOLDER / name

    def reading_file(data: bytes) -> Any:
        path.write_bytes(data)
        return read(path)

    return reading_file


def _health(data: bytes) -> Any:
    health = read_health(data)
    return None if health is None else (health, list(_facts(health)))


def _draft(data: bytes) -> Any:
    draft = Draft.decode(data.decode("latin-1"))
    draft.missing()
    return draft


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda data: read(data.decode("utf-8", "replace"))


def _uuid(text: str) -> Any:
    try:
        return UUID(text).bytes if len(text) <= MAX_URL_ID_CHARS else None
    except ValueError:
        return None


def _policy(data: bytes) -> Any:
    content = json.loads(data)
    policy = policy_of_json(content) if isinstance(content, dict) else None
    if policy is None or policy_fault(policy):
        return None
    policy.to_message()
    return policy


def pages() -> list[Target]:
    """HTTP: questions to registries and witnesses, and what strangers' servers answer."""
    health = Health(
        *(True, "DECIDING", "R", "00" * 32, NOW_US, "declared", 50, 250, 0, True, 7, 1, 0, 8),
        *((ShardHealth(2026, 8, 8, NOW_US),), (WitnessHealth("w", NOW_US),), 1),
        *((MemberHealth("11" * 32, "M", 2),), NOW_US, NOW_US, 4096, 1 << 30),
    )
    tiles = ("tile/0/x001/234.p/5", "tile/entries/000", "tile/3/063")
    ask = b"old 5\n" + b"gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n" + b"\n" + v.NOTE
    record = parse(pb.SignedRegistryRecord, v.REGISTRY.record.signed).record
    draft = begin(pb.RegistryRecord.FromString(record)).encode()

    def witness_bytes(read: Request) -> bytes:
        lines = [b"old %d" % read.old_size, *(_b64(part) for part in read.proof)]
        return b"\n".join(lines) + b"\n\n" + read.note

    return [
        Target("health", _health, (), (health_json(health).encode(),), form=TEXT),
        Target("witness request", read_request, WIRE, (ask,), witness_bytes, exact=True,
               form=TEXT),
        Target("draft of a record", _draft, WIRE, (draft.encode(),), form=TEXT, cost=2),
        Target("tile path", _text(parse_tile_path), (), tuple(t.encode() for t in tiles),
               lambda tile: tile.path().encode(), exact=True, form=TEXT),
        Target("entry tile", decode_entries, (), (encode_entries([b"a", b"", b"leaf"]),),
               encode_entries, exact=True),
        Target("accept header", _text(lambda t: preferred(t, ("text/html", "text/plain"))), (),
               (b"text/*;q=0.5, text/html;q=0.123, */*",), form=TEXT),
        Target("archive id", _text(_uuid), (), (b"0f8fad5b-d9cb-869f-a165-70867728950e",),
               form=TEXT),
    ]  # fmt: skip


def _b64(data: bytes) -> bytes:
    return to_base64(data).encode()


def files() -> list[Target]:
    """What owners write, import and copy."""
    networks = [format_network(parse_network(json.dumps(case(s)[0]))).encode() for s in range(4)]
    route = find_route(graph_of(worked("PABQ")), RouteQuestion("P", "Q", 1000))
    answer = json.dumps(answer_as_json(route, with_reasons=True)).encode()
    registry = RegistryConfig("R", "example.net/log", "127.0.0.1:1", "127.0.0.1:2")
    witness = WitnessConfig("witness.example/w", "127.0.0.1:1")

    def rows(data: bytes) -> list[str]:
        return data.decode("utf-8", "replace").split("\n")

    def read_route(data: bytes) -> WholeAnswer:
        return read_whole(json.loads(data), "USD", 1000)

    return [
        Target("network file", parse_network, (NetworkFileError,), tuple(networks),
               lambda n: format_network(n).encode(), form=TEXT, cost=8),
        Target("route as JSON", read_route, (ValueError, RecursionError), (answer,), form=TEXT),
        Target("credit links", lambda d: credit_links(rows(d), "USD", Random(1)), (ForeignFault,),
               (b"a b -1 0.5 7\nb c 0 0 1e5",), form=TEXT),
        Target("edges", lambda d: edges(rows(d), "USD", Random(1)), (ForeignFault,),
               (b"a b 7\nb c", b"a,b\n# x\nb,a,1e3"), form=TEXT),
        Target("node's config", _file("node", read_node), (NodeFault,),
               (node_text(NodeConfig("A", "127.0.0.1:1")).encode(),),
               lambda c: node_text(c).encode(), form=TEXT, cost=3),
        Target("path finder's config", _file("finder", read_finder), (FinderFault,),
               (finder_text(PathFinderConfig("F")).encode(),),
               lambda c: finder_text(c).encode(), form=TEXT, cost=2),
        Target("registry's config", _file("registry", read_registry), (RegistryFault,),
               (registry_text(registry).encode(),),
               lambda c: registry_text(c).encode(), form=TEXT, cost=3),
        Target("witness's config", _file("witness", read_witness), (WitnessFault,),
               (witness_text(witness).encode(),), lambda c: witness_text(c).encode(),
               form=TEXT, cost=2),
        Target("policy file", _policy, (ValueError, KeyError, TypeError, RecursionError),
               (json.dumps(policy_json(TWO_OF_THREE)).encode(),),
               lambda p: json.dumps(policy_json(p)).encode(), form=TEXT),
        Target("archive block", lambda d: decode_block(zlib.compress(d, 1)), OF_OWN_MAKING,
               (zlib.decompress(encode_block([ARCHIVED])),)),
        Target("node's card for a path finder", _text(lambda t: read_node_card(t, NOW_US)),
               WIRE, (sign_card(v.NODE, PINNED).encode(),), form=TEXT),
        Target("statements among files", lambda d: list(_statements(d)) or None, (),
               (v.COMMITTED.encode(), v.COMMITTED.statements[0].encode())),
        Target("address", _text(split_address), (), (b"[::1]:7001", b"localhost:80"),
               form=TEXT),
    ]  # fmt: skip
