"""A form with a file in it (RFC 7578), read strictly and in memory: it is small, or is refused."""

from email.errors import MessageDefect
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final

from starlette.requests import Request

from node.page.frame import MAX_FIELDS, MAX_FORM_BYTES, Frame, NoForm, bounded_body
from node.page.visits import Visit

MULTIPART: Final = "multipart/form-data"
POLICY: Final = HTTP.clone(raise_on_defect=True)


async def uploaded(frame: Frame, request: Request, visit: Visit) -> dict[str, bytes]:
    """The fields of a form with a file, sent from a page of this session. NoForm.

    An empty field and a file that was not chosen are b"". A file's name and type are not looked at.
    """
    frame.require_own(request)
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip() != MULTIPART or not kind.isascii() or not kind.isprintable():
        raise NoForm("It was not sent by this page.")
    fields = read_multipart(kind, await bounded_body(request, MAX_FORM_BYTES))
    token = fields.pop("csrf", b"")
    if not visit.is_sent(token.decode("ascii", "replace")):
        raise NoForm("It belongs to another session: open the page again.")
    return fields


def read_multipart(kind: str, body: bytes) -> dict[str, bytes]:
    """The parts by their names. `kind`: the Content-Type, printable. NoForm."""
    head = f"Content-Type: {kind}\r\n\r\n".encode("ascii")
    try:
        whole = BytesParser(policy=POLICY).parsebytes(head + body)
        parts = list(whole.iter_parts()) if isinstance(whole, EmailMessage) else []
        found = [(part.get_param("name", "", "content-disposition"), _data(part)) for part in parts]
    except (MessageDefect, LookupError, ValueError, TypeError, AttributeError) as error:
        raise NoForm("It cannot be read.") from error
    fields = {str(name): data for name, data in found if name}
    if not fields or len(fields) != len(found) or len(found) > MAX_FIELDS:
        raise NoForm("It cannot be read, or says something twice.")
    return fields


def _data(part: MIMEPart) -> bytes:
    if part.is_multipart():
        raise NoForm("It holds parts within parts.")
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
