"""Servers on loopback that say what a test wants, under certificates of a throw-away authority."""

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

Says = Callable[[trio.abc.Stream], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates for a test; `file` is what a client is told to trust."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def server(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """For a server that has a certificate for these names; `days` < 0: one that has ended."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.datetime.now(datetime.UTC) + days * DAY
        made = (
            x509.CertificateBuilder()
            .subject_name(_name("server"))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - 2 * DAY)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
            .sign(self.key, hashes.SHA256())
        )
        place = self.folder / "server.pem"
        place.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place)
        return context


def authority(folder: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name("a throw-away authority"))
        .issuer_name(_name("a throw-away authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * DAY)
        .not_valid_after(now + 3 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    it = Authority(key, made, folder)
    it.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return it


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class Server:
    """What came: `heads` and `bodies` of requests, `names` asked for by TLS, `calls` in all."""

    port: int = 0
    calls: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)


def says(answer: bytes) -> Says:
    async def say(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer)

    return say


async def silence(stream: trio.abc.Stream) -> None:
    """Never answers."""
    await trio.sleep_forever()


@asynccontextmanager
async def serving(
    say: Says, tls: ssl.SSLContext | None = None, *, listens: bool = True
) -> AsyncIterator[Server]:
    """A server that reads one request of each connection, if it `listens`, and says something."""
    server = Server()
    if tls is not None:
        tls.sni_callback = lambda _, name, __: server.names.append(name)
    async with trio.open_nursery() as nursery:
        listeners: Sequence[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, partial(_one, server, say, tls, listens), 0, host="127.0.0.1")
        )
        server.port = listeners[0].socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()


async def _one(
    server: Server,
    say: Says,
    tls: ssl.SSLContext | None,
    listens: bool,
    tcp: trio.SocketStream,
) -> None:
    server.calls += 1
    stream: trio.abc.Stream = tcp
    if tls is not None:
        stream = trio.SSLStream(tcp, tls, server_side=True, https_compatible=True)
    try:
        if listens:
            await _read(server, stream)
        await say(stream)
        await stream.aclose()
    except trio.BrokenResourceError:
        pass  # the client has seen enough
    finally:
        await trio.aclose_forcefully(tcp)


async def _read(server: Server, stream: trio.abc.Stream) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += (part := await stream.receive_some())
        if not part:
            raise trio.BrokenResourceError
    head, _, body = data.partition(b"\r\n\r\n")
    text = head.decode()
    length = [x.split(":")[1] for x in text.lower().splitlines() if x.startswith("content-length")]
    while length and len(body) < int(length[0]):
        body += await stream.receive_some()
    server.heads.append(text)
    server.bodies.append(body)
