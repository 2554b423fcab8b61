"""The demo's registrar of names: whoever has the password holds the name, and nobody else."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.command.demo.name_holder import NameOffice, start_office
from node.command.demo.name_office import MAX_BODY_BYTES, MAX_LINES, Names
from node.command.processes.founding import TownFault
from node.command.processes.process import processes

NAME = "lamp.example"


@pytest.fixture
def names() -> Names:
    return Names({NAME: "first", "kite.example": "other"})


def test_only_the_password_opens_it(names: Names) -> None:
    assert names.login(NAME, "first")
    for name, password in ((NAME, "other"), (NAME, ""), ("kite.example", "first"), ("no", "first")):
        assert not names.login(name, password), (name, password)


def test_a_changed_password_is_the_only_one(names: Names) -> None:
    assert not names.change(NAME, "wrong", "second")
    assert not names.change(NAME, "first", ""), "a name without a password would be everybody's"
    assert names.login(NAME, "first")
    assert names.change(NAME, "first", "second")
    assert names.login(NAME, "second") and not names.login(NAME, "first")
    assert not names.change(NAME, "first", "third")


def test_only_its_holder_posts_and_everybody_reads(names: Names) -> None:
    assert not names.post(NAME, "other", "mine")
    assert names.post(NAME, "first", "a <b> & c")
    page = names.page(NAME)
    assert page is not None and "a &lt;b&gt; &amp; c" in page and "mine" not in page
    assert names.page("no") is None
    for number in range(MAX_LINES - 1):
        assert names.post(NAME, "first", str(number))
    assert not names.post(NAME, "first", "one more"), "a page has an end"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[NameOffice]:
    with processes() as running:
        yield start_office(running, {NAME: "first"}, tmp_path / "log")
    assert (tmp_path / "log").read_bytes() == b""


def asked(office: NameOffice, method: str, path: str, body: bytes = b"", length: str = "") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", office.port, timeout=20)
    try:
        headers = {"Content-Length": length} if length else {}
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.edge
async def test_over_http(office: NameOffice) -> None:
    assert await office.login(NAME, "first")
    assert not await office.login(NAME, "wrong")
    assert await office.change(NAME, "first", "second")
    assert await office.post(NAME, "second", "here I am")
    assert b"<li>here I am</li>" in await office.page(NAME)
    with pytest.raises(TownFault, match="404"):
        await office.page("no")
    good = json.dumps({"password": "second"}).encode()
    for method, path, body, length, status in (
        ("POST", f"/{NAME}/login", good, "", 200),
        ("POST", "/no/login", good, "", 403),
        ("POST", "/", good, "", 400),
        ("POST", f"/{NAME}", good, "", 400),
        ("POST", f"/{NAME}/other", good, "", 400),
        ("POST", f"/{NAME}/login", b"{", "", 400),
        ("POST", f"/{NAME}/login", b"[]", "", 400),
        ("POST", f"/{NAME}/login", b'{"password": 1}', "", 400),
        ("POST", f"/{NAME}/login", b"", str(MAX_BODY_BYTES + 1), 400),
        ("POST", f"/{NAME}/login", b"", "-1", 400),
        ("GET", "/", b"", "", 404),
        ("PUT", f"/{NAME}", good, "", 501),
    ):
        assert asked(office, method, path, body, length) == status, (method, path, body)


@pytest.mark.edge
async def test_an_office_that_is_gone_is_said(tmp_path: Path) -> None:
    with processes() as running:
        office = start_office(running, {NAME: "first"}, tmp_path / "log")
    with pytest.raises(TownFault, match="does not answer"):
        await office.login(NAME, "first")


@pytest.mark.edge
def test_it_tells_no_password(tmp_path: Path) -> None:
    """Not to `ps`, where everybody sees how a process was started."""
    with processes() as running:
        start_office(running, {NAME: "a-long-first-password"}, tmp_path / "log")
        shown = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True)
    assert "name_office" in shown.stdout and "a-long-first-password" not in shown.stdout
