"""What proves how a transaction ended, as the file that `pledgeway verify` reads."""

from typing import Final

from node.control.context import Context
from node.core.rows import Transaction
from proto.certificate import AbortCertificate
from proto.descriptor import decode_descriptor
from proto.v1 import types_pb2 as pb

COMMITTED: Final = "commit certificate"
ABORTED: Final = "abort certificate"


def evidence_kind(transaction: Transaction | None) -> str | None:
    """What there is; None for nothing. A bare "commit" is no certificate."""
    if transaction is None:
        return None
    if transaction.commit_certificate:
        return COMMITTED
    if transaction.abort_certificate:
        return ABORTED
    return "commit" if transaction.commit_evidence else None


def certificate_file(context: Context, transaction: Transaction) -> bytes:
    """The certificate of a decided transaction, with the records that certify its signers' keys."""
    file = pb.CertificateFile()
    if transaction.commit_certificate:
        file.commit.MergeFromString(transaction.commit_certificate)
    else:
        abort = AbortCertificate.decode(transaction.abort_certificate)
        file.abort.CopyFrom(abort.to_message())
    for member in decode_descriptor(transaction.descriptor).policy.members:
        known = context.book.registries.get(member)
        if known is not None:
            file.records.append(pb.SignedRegistryRecord.FromString(known.record.signed))
    return file.SerializeToString()
