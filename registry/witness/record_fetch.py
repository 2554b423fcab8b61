"""One look at a registry's own record, over HTTP from its archive. Blocking, in a thread."""

import http.client
from typing import Final
from urllib.parse import urlsplit

from proto.limits import MAX_RECORD_BYTES
from proto.registry_record import RegistryRecord
from runtime.http_call import connection_to, shut_down

CALL_S: Final = 4.0  # connecting and each read; whole is bounded by whoever closes it
PROTOBUF: Final = "application/x-protobuf"
# A cache between us may keep the older record for minutes; whoever asks has reason to ask.
HEADERS: Final = {"Accept": PROTOBUF, "Cache-Control": "no-cache"}


class RecordNotHad(Exception):
    """No answer that could be a record; one line that says why. Worth another try later."""


class RecordFetch:
    """GET <archive base>/registry, where the record at hand says that the archive is.

    No redirect is followed: a record names the place itself.
    """

    def __init__(self, known: RegistryRecord) -> None:
        self.url = f"{known.archive_url.removesuffix('/commit/%s')}/registry"
        self._connection: http.client.HTTPConnection | None = None
        self._closed = False

    def close(self) -> None:
        """From any thread: ends a call that is under way."""
        self._closed = True
        shut_down(self._connection)

    def fetch(self) -> bytes:
        """SignedRegistryRecord bytes, unread. RecordNotHad."""
        try:
            return self._exchange()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RecordNotHad(f"{self.url}: {error or type(error).__name__}") from error
        finally:
            if self._connection is not None:
                self._connection.close()

    def _exchange(self) -> bytes:
        self._connection = connection_to(self.url, CALL_S)
        self._connection.connect()
        if self._closed:
            raise ValueError("no longer asked")
        self._connection.request("GET", urlsplit(self.url).path, headers=HEADERS)
        response = self._connection.getresponse()
        if response.status != 200:
            raise ValueError(f"answers {response.status}")
        # Read once, and one byte more than allowed, so that a flood ends here.
        data = response.read(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            raise ValueError(f"answers more than {MAX_RECORD_BYTES} bytes")
        return data
