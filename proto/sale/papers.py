"""The file of a sale: all that one of its parties has to show, and nothing secret."""

from dataclasses import dataclass
from typing import Final

from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.escrow.terms import Opening
from proto.registry_record import RegistryRecord, read_record
from proto.sale.letters import MAX_CLOSING_LETTERS, MAX_LOG_ENTRIES
from proto.sale.stakes import STAKERS, Decision
from proto.v1 import sale_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical, parse

MAX_SALE_FILE_BYTES: Final = 700_000  # in base64 it fits into one answer of a node; 60,000 usually
MAX_RULES: Final = 16  # of both sides together: as many as a node takes
MAX_DECISIONS: Final = 2 * len(Decision)  # where a registry has signed both ways
MAX_RECORDS: Final = 4  # a sale has one registry
SIDES: Final = 2
JOINING: Final = 3  # seller, agent, arbiter


@dataclass(frozen=True, slots=True)
class SalePapers:
    """What a party has, empty where it has none; in the forms in which rows of sales keep it.

    `reveals`: words (proto.sale.letters) of buyer and seller; `joins`: signed letters of seller,
    agent, arbiter; `stakes`: the house's promises in the order of STAKERS; `vote`: the party's own,
    once it is open. Nothing is verified here (node.sale.proving does that).
    """

    offer: bytes
    rules: tuple[bytes, ...] = ()
    reveals: tuple[bytes, ...] = (b"",) * SIDES
    joins: tuple[bytes, ...] = (b"",) * JOINING
    contract: bytes = b""
    agreement: bytes = b""
    promise: bytes = b""
    lock: bytes = b""
    openings: tuple[Opening, ...] = ()
    stakes: tuple[bytes, ...] = (b"",) * len(STAKERS)
    statement: bytes = b""
    log: tuple[bytes, ...] = ()
    credential: bytes = b""
    sealed: bytes = b""
    control: bytes = b""
    vote: bytes = b""
    certificates: tuple[Certificate, ...] = ()
    records: tuple[RegistryRecord, ...] = ()

    def encode(self) -> bytes:
        """The bytes of the file."""
        return canonical(
            pb.SaleFile(
                offer=self.offer,
                rules=self.rules,
                reveals=self.reveals,
                joins=self.joins,
                contract=self.contract,
                agreement=self.agreement,
                promise=self.promise,
                lock=self.lock,
                openings=[opening.to_message() for opening in self.openings],
                stakes=self.stakes,
                statement=self.statement,
                log=self.log,
                credential=self.credential,
                sealed=self.sealed,
                control=self.control,
                vote=self.vote,
                decisions=[_decision(certificate) for certificate in self.certificates],
                records=[types_pb2.SignedRegistryRecord.FromString(r.signed) for r in self.records],
            )
        )


def _decision(certificate: Certificate) -> types_pb2.CertificateFile:
    file = types_pb2.CertificateFile()
    if isinstance(certificate, CommitCertificate):
        file.commit.MergeFromString(certificate.encode())
    else:
        file.abort.CopyFrom(certificate.to_message())
    return file


def decode_papers(data: bytes) -> SalePapers:
    """Reads the file of a sale. WireFault where it is none; nothing in it is verified."""
    if len(data) > MAX_SALE_FILE_BYTES:
        raise WireFault(f"the file of a sale has at most {MAX_SALE_FILE_BYTES} bytes")
    m = parse(pb.SaleFile, data)
    if not m.offer:
        raise WireFault("not the file of a sale: there is no offer in it")
    # Each costs signature checks, and no sale has more.
    if len(m.rules) > MAX_RULES or len(m.decisions) > MAX_DECISIONS or len(m.log) > MAX_LOG_ENTRIES:
        raise WireFault("the file of a sale with more rules, decisions or entries than any has")
    if len(m.records) > MAX_RECORDS or len(m.openings) > MAX_CLOSING_LETTERS:
        raise WireFault("the file of a sale with more records or openings than any has")
    places = (len(m.reveals), len(m.joins), len(m.stakes))
    if places != (SIDES, JOINING, len(STAKERS)):
        raise WireFault("the file of a sale without a place for each of its parties")
    return SalePapers(
        offer=m.offer,
        rules=tuple(m.rules),
        reveals=tuple(m.reveals),
        joins=tuple(m.joins),
        contract=m.contract,
        agreement=m.agreement,
        promise=m.promise,
        lock=m.lock,
        openings=tuple(Opening.from_message(opening) for opening in m.openings),
        stakes=tuple(m.stakes),
        statement=m.statement,
        log=tuple(m.log),
        credential=m.credential,
        sealed=m.sealed,
        control=m.control,
        vote=m.vote,
        certificates=tuple(_certificate(file) for file in m.decisions),
        records=tuple(read_record(record.SerializeToString()) for record in m.records),
    )


def _certificate(file: types_pb2.CertificateFile) -> Certificate:
    match file.WhichOneof("certificate"):
        case "commit":
            return CommitCertificate.decode(file.commit.SerializeToString())
        case "abort":
            return AbortCertificate.from_message(file.abort)
        case _:
            raise WireFault("the file of a sale with a decision that says nothing")
