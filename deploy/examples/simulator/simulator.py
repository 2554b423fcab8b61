"""A world simulator that sells its own objects: a registrar of titles, and nothing else.

Its objects are sold by a Pledgeway node (README): money moves along credit lines, which only nodes
have. Here stand the service, the question to the registries, and the commands.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any

import grpc
from books import Refused
from legs import Registrar

from proto.card import read_card
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.commit import Commit
from proto.descriptor import decode_descriptor
from proto.escrow.ops import LegPhase
from proto.escrow.rights import Right, Vetting, canonical_json, sign_right, unique_brand_id
from proto.limits import MAX_AMOUNT, MAX_ENVELOPE_BYTES, US
from proto.log_leaf import decision_of
from proto.money import Brand
from proto.policy import RegistryPolicy
from proto.registry_record import RegistryRecord, read_record
from proto.statement import Outcome, SignedStatement, Statement
from proto.v1 import escrow_pb2, types_pb2
from proto.v1 import registry_pb2 as pb
from proto.wire import WireFault
from runtime.identity import IdentityFault, card, create_identity, load_identity
from runtime.tls import pinned_channel_credentials, pinned_channel_options, server_credentials

SERVICE = "pledgeway.v1.Registrar"
LONGEST_LOCK_US = 60 * US  # money in an exchange is not promised for longer either
AT_ONCE = 8  # calls that are being answered
WAITING = 64  # calls in all; beyond that a caller is told to come again
PAGE = 16  # descriptions in one answer
ASK_EVERY_S = 1.0
ASK_TIMEOUT_S = 5.0
PRUNE_EVERY_S = 3600.0
MESSAGE_BYTES = 2 * MAX_ENVELOPE_BYTES

log = logging.getLogger("simulator")


def now_us() -> int:
    return time.time_ns() // 1000


class Place:
    """A directory: keys, config.json, records of registries, and the books."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.identity = load_identity(directory)
        self.config = json.loads((directory / "config.json").read_text())
        paths = sorted(directory.glob("*.record"))
        # Whose certificates count is decided here and nowhere else: by the files that its owner
        # has put there.
        self.records = {r.registry: r for r in (read_record(p.read_bytes()) for p in paths)}

    @property
    def card(self) -> str:
        name, listen = self.config["name"], self.config["listen"]
        return card(self.identity, name, "", listen)

    def open(self) -> Registrar:
        path = self.directory / "books.sqlite"
        return Registrar(path, self.identity.key, self.records, now_us)


# ---------------------------------------------------------------- the service


def handlers(books: Registrar) -> grpc.GenericRpcHandler:
    """Batch, Open and Describe. WatchLegs is a convenience: gRPC answers UNIMPLEMENTED for it."""

    def answer(signed: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return books.answer(signed)
        except WireFault as fault:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(fault))
        except OperationalError as error:  # the disk is full, or away: nothing was done
            log.error("the books refuse: %s", error)
            context.abort(grpc.StatusCode.UNAVAILABLE, "the books refuse: send it again")
        raise AssertionError("abort does not return")

    def describe(request: Any, _: grpc.ServicerContext) -> Any:
        found = [r for r in books.things(request.after) if _is_wanted(r, request)]
        signed = (books.described(right.brand.guid) for right in found[:PAGE])
        rights = [types_pb2.Envelope.FromString(one) for one in signed]
        return escrow_pb2.DescribeReply(rights=rights, more=len(found) > PAGE)

    plain = grpc.unary_unary_rpc_method_handler  # envelopes stay the bytes that were signed
    methods = {
        "Batch": plain(answer),
        "Open": plain(answer),
        "Describe": plain(
            describe,
            request_deserializer=escrow_pb2.DescribeRequest.FromString,
            response_serializer=escrow_pb2.DescribeReply.SerializeToString,
        ),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def _is_wanted(right: Right, request: Any) -> bool:
    return (
        (not request.brands or right.brand.guid in request.brands)
        and request.type in ("", right.kind)
        and request.attributes in ("", right.attributes)
    )


# ---------------------------------------------------------------- asking the registries


class Asker:
    """Whoever promised must find the decision by himself: nobody has to come with a certificate."""

    def __init__(self, books: Registrar, records: dict[bytes, RegistryRecord]) -> None:
        self._books, self._records = books, records
        self._channels: dict[bytes, grpc.Channel] = {}

    def run(self, ended: threading.Event) -> None:
        """Until `ended` is set."""
        pruned_s = time.monotonic()
        while not ended.wait(ASK_EVERY_S):
            try:
                self._once()
                if time.monotonic() - pruned_s > PRUNE_EVERY_S:
                    self._books.prune()
                    pruned_s = time.monotonic()
            except OperationalError as error:
                log.error("a decision waits for the books: %s", error)

    def _once(self) -> None:
        for descriptor in self._books.undecided():
            certificate = self._decision(descriptor)
            if certificate is None:
                continue  # no answer is no decision: what is locked stays locked
            try:
                self._books.settle(certificate)
            except Refused as no:
                log.warning("what the registries say proves nothing: %s", no)

    def _decision(self, descriptor: bytes) -> Certificate | None:
        policy = decode_descriptor(descriptor).policy
        finals = [final for m in policy.members for final in self._ask(m, descriptor)]
        by = [(decision_of(Statement.decode(s.statement)).outcome, s, e) for s, e in finals]
        commits = [(s, e) for outcome, s, e in by if outcome is Outcome.COMMITTED]
        aborts = tuple(s for outcome, s, _ in by if outcome is Outcome.NOT_COMMITTED)
        evidence = next((e for _, e in commits if e), b"")
        if len(commits) >= policy.qc and evidence:
            return CommitCertificate(Commit(descriptor, evidence), tuple(s for s, _ in commits))
        return AbortCertificate(descriptor, aborts) if len(aborts) >= policy.qa else None

    def _ask(self, member: bytes, descriptor: bytes) -> list[tuple[SignedStatement, bytes]]:
        record = self._records.get(member)
        if record is None:
            return []
        if member not in self._channels:
            self._channels[member] = grpc.secure_channel(
                record.grpc_target,
                pinned_channel_credentials(record.tls_certificate),
                pinned_channel_options(record.tls_certificate),
            )
        call: Any = self._channels[member].unary_unary(
            "/pledgeway.v1.Registry/Decide",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=pb.DecideResponse.FromString,
        )
        request = pb.DecideRequest(items=[pb.DecideItem(query=pb.Query(descriptor=descriptor))])
        try:
            answers = call(request, timeout=ASK_TIMEOUT_S).answers
            found = [a for a in answers if a.WhichOneof("answer") == "final"]
            return [(SignedStatement.from_message(a.final), a.commit.evidence) for a in found]
        except (grpc.RpcError, WireFault) as error:
            log.info("registry %s does not say: %s", record.name, error)
            return []


# ---------------------------------------------------------------- commands


def run(arguments: argparse.Namespace) -> None:
    place = Place(arguments.directory)
    books = place.open()
    server = grpc.server(
        ThreadPoolExecutor(AT_ONCE),
        [handlers(books)],
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)],
        maximum_concurrent_rpcs=WAITING,
    )
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        server.add_secure_port(place.config["listen"], server_credentials(place.identity.tls))
    except RuntimeError as error:  # gRPC's word for it
        books.close()
        raise ValueError(f"{place.config['listen']}: cannot be listened on") from error
    server.start()
    asker = threading.Thread(target=Asker(books, place.records).run, args=(ended,))
    asker.start()
    print(f"ready: {place.config['name']} keeps titles at {place.config['listen']}", flush=True)
    ended.wait()
    server.stop(1.0).wait()
    asker.join()
    books.close()


def init(arguments: argparse.Namespace) -> None:
    directory: Path = arguments.directory
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_identity(directory, now_us(), os.urandom)
    config = {"name": arguments.name, "listen": arguments.listen}
    (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    for number, path in enumerate(arguments.registry):
        data = path.read_bytes()
        read_record(data)
        (directory / f"{number}.record").write_bytes(data)
    print(Place(directory).card)


def add(arguments: argparse.Namespace) -> None:
    place = Place(arguments.directory)
    if not place.records:
        raise ValueError("no registry decides here: copy a *.record into the directory")
    key, pieces = place.identity.key, arguments.pieces
    if not 1 <= pieces <= MAX_AMOUNT:
        raise ValueError("--pieces: at least one")
    pairs = [text.partition("=")[::2] for text in arguments.attr]
    attributes = canonical_json({k: int(v) if v.isdecimal() else v for k, v in pairs})
    guid = unique_brand_id(key.node_id, "object", attributes)
    right = Right(
        brand=Brand(guid, arguments.name, 1, key.node_id),
        registrar=key.node_id,
        kind="object",
        attributes=attributes,
        supply=pieces,
        vetting=Vetting.ANYONE,
        policies=tuple(RegistryPolicy((member,), 1, 1) for member in sorted(place.records)),
        longest_lock_us=LONGEST_LOCK_US,
    )
    owner = read_card(arguments.owner.read_text().strip(), now_us()).node
    place.open().add(right, sign_right(key, right), owner)
    print(guid.hex())


def show(arguments: argparse.Namespace) -> None:
    books = Place(arguments.directory).open()
    names = {right.brand.guid: right.brand.name for right in books.things()}
    for brand, owner, balance in books.owned():
        print(f"{names[brand]}\t{balance}\tof node {owner.hex()}")
    for commit, no, phase in books.legs(LegPhase.PREPARED, LegPhase.CLAIMED):
        print(f"leg {no} of {commit.hex()}\t{phase.name.lower()}")


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True)

    def command(name: str, act: Callable[[argparse.Namespace], None]) -> Any:
        one = commands.add_parser(name)
        one.add_argument("directory", type=Path)
        one.set_defaults(act=act)
        return one

    making = command("init", init)
    making.add_argument("--name", default="simulator")
    making.add_argument("--listen", default="127.0.0.1:17801", metavar="HOST:PORT")
    making.add_argument("--registry", type=Path, action="append", required=True, metavar="RECORD")
    adding = command("add", add)
    adding.add_argument("--name", required=True)
    adding.add_argument("--attr", action="append", required=True, metavar="KEY=VALUE")
    adding.add_argument("--pieces", type=int, default=1)
    adding.add_argument("--owner", type=Path, required=True, metavar="CARDFILE")
    command("show", show)
    command("card", lambda arguments: print(Place(arguments.directory).card))
    command("run", run)
    arguments = parser.parse_args(words)
    try:
        arguments.act(arguments)
    except (IdentityFault, WireFault, ValueError, OSError) as fault:
        print(f"simulator: {fault}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    main()
