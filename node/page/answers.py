"""What programs are told: JSON, and for a no a code of a closed list with the next step."""

import json
from collections.abc import Awaitable, Callable
from enum import Enum, unique
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from node.control.failure import Arguments, ControlFailure, bad_argument
from node.page.frame import STATUS, NoForm, bounded_body
from node.texts import said
from runtime.faults import StoreFailed

Answering = Callable[[Request], Awaitable[Response]]
JSON_TYPE: Final = "application/json"
TRY_LATER: Final = "wait as long as Retry-After says, then try again"


@unique
class No(Enum):
    """(status, code, message, next step) of every no that is not one of the node's own reasons."""

    TOO_LONG = 413, "the body is too long", "a submission has at most 12 KB"
    BAD_BODY = 400, "the body cannot be read", "send what the documentation of this path says"
    BAD_SUBMISSION = 400, "the submission does not hold", "make and sign it anew"
    UNTIMELY = 400, "it was signed too long ago, or in the future", "set your clock and sign anew"
    SLOW_DOWN = 429, "you ask too often", TRY_LATER
    TOO_MANY = 503, "too many wait here already", TRY_LATER
    NOT_PAID = 409, "there is no receipt: nothing was paid", "ask how it stands first"
    NOT_FOUND = 404, "there is nothing here", "look at /.well-known/pledgeway"
    NOT_ALLOWED = 405, "this path does not take that method", "look at the documentation"
    NOT_LOGGED_IN = 401, "nobody is logged in", "POST /api/login with a key of the account"
    STORE_FAILED = 503, "the node's disk does not answer", "try again later"


class Refused(Exception):
    """Told to the program that asked. `detail` in place of the usual words."""

    def __init__(self, no: No, detail: str = "", wait_s: int = 0) -> None:
        super().__init__(no.name)
        self.no = no
        self.detail = detail
        self.wait_s = wait_s


def refused(fault: Refused) -> Response:
    """The answer to `Refused`."""
    status, message, step = fault.no.value
    headers = {"Retry-After": str(max(1, fault.wait_s))} if status in (429, 503) else None
    told = {"code": fault.no.name, "message": fault.detail or message, "next_step": step}
    return JSONResponse(told, status, headers)


def failed(failure: ControlFailure) -> Response:
    """The answer to a no of the node's verbs or of its core."""
    words = said(failure.code, failure.figure)
    told = {
        "code": failure.code,
        "message": failure.message or (words.message if words else failure.code),
        "next_step": failure.next_step or (words.next_step if words else ""),
        "figure": failure.figure,
    }
    return JSONResponse(told, STATUS.get(failure.code, 409))


def answering(handler: Answering) -> Answering:
    """A handler whose noes are all told as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as fault:
            return refused(fault)
        except NoForm:
            return refused(Refused(No.TOO_LONG))
        except ControlFailure as failure:
            return failed(failure)
        except StoreFailed:
            return refused(Refused(No.STORE_FAILED))

    return answer


async def json_body(request: Request, most: int) -> dict[str, Any]:
    """A JSON object of at most `most` bytes. Refused, NoForm."""
    data = await bounded_body(request, most)
    try:
        found = json.loads(data)
    # What is nested a thousand deep ends in a RecursionError.
    except (ValueError, RecursionError) as error:
        raise Refused(No.BAD_BODY, "the body is no JSON") from error
    if not isinstance(found, dict):
        raise Refused(No.BAD_BODY, "the body is no JSON object")
    return found


async def arguments(request: Request, most: int) -> Arguments:
    """A JSON object whose keys are taken one by one. Refused, NoForm."""
    return Arguments(await json_body(request, most))


def query_number(request: Request, name: str, default: int | None, most: int) -> int | None:
    """A number of the query, in plain digits. ControlFailure."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= most):
        raise bad_argument(name, f"must be a whole number up to {most}")
    return int(text)


def query_bytes(text: str, size: int) -> bytes:
    """`size` bytes in lower-case hex; empty where it is none."""
    digits = frozenset("0123456789abcdef")
    return bytes.fromhex(text) if len(text) == 2 * size and digits.issuperset(text) else b""
