"""One small app that is a bank and a shop: to learn what a browser does between two sites.

/            a form, and what came with the request: the names of its cookies, Sec-Fetch-Site
/said        what the form said
/login       sets a strict and a lax cookie
/passkey     makes and uses a passkey for the site `rp`
/out?to=URL  leads to another address by a link, a form, a meta refresh and a frame
/on?by=HOW   leads on to / by "redirect" or "refresh"
/leave?to=URL    answers a post by a redirect to another address
/file        a file to be kept
/faulty      what nobody should write
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
)
STRICT: Final = "__Host-session=s3cret; Secure; HttpOnly; SameSite=Strict; Path=/"
LAX: Final = "lax=1; Secure; HttpOnly; SameSite=Lax; Path=/"
STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 sans-serif; }
body { background: #fff; color: #111; margin: 1rem; max-width: 40rem; }
button, input { font: inherit; min-height: 2rem; }
label, a { display: inline-block; min-height: 1.5rem; }
.faint { color: #999; background: #fff; }
.flat:focus { outline: none; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee; } }
@media (max-width: 599px) { .desk { display: none; } }
"""
FORM: Final = """
<form method="post" action="/said">
<p><label for="payee">Payee</label> <input id="payee" name="payee" required></p>
<p><label for="amount">Amount</label> <input id="amount" name="amount" type="number"></p>
<p><label><input type="checkbox" name="again" value="yes"> Every month</label></p>
<p><button name="do" value="approve">Approve</button>
<button name="do" value="deny">Deny</button></p>
</form>
<p class="desk">A wide desk</p>
<p><a href="/file" download="receipt.bin">Receipt</a></p>
"""
PASSKEY: Final = """
<p><button id="make">Make a passkey</button> <button id="use">Use it</button></p>
<p><output></output></p><script src="/passkey.js"></script>
"""
FAULTY: Final = """<!doctype html><html><head><title></title>
<link rel="stylesheet" href="/style.css"></head><body>
<img src="/file"><input name="x"><a class="flat" href="/">i</a> <button></button>
<p class="faint">hard to read</p><script>window.ran = true</script>
</body></html>"""


@dataclass(frozen=True)
class Sites:
    """One server by four names: two sites, a part of the first, and the bare machine."""

    port: int

    @property
    def bank(self) -> str:
        return f"http://bank.localhost:{self.port}"

    @property
    def bank_part(self) -> str:
        return f"http://pay.bank.localhost:{self.port}"

    @property
    def shop(self) -> str:
        return f"http://shop.localhost:{self.port}"

    @property
    def machine(self) -> str:
        return f"http://localhost:{self.port}"

    def out(self, begin: str, to: str) -> str:
        """A page of `begin` that leads to `to`."""
        return f"{begin}/out?to={quote(to, safe='')}"


def _page(title: str, main: str, rp: str = "") -> Response:
    head = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}<title>{title}</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>'
        f'<body data-rp="{escape(rp)}"><main><h1>{title}</h1>{main}</main></body></html>'
    )
    policy = f"{POLICY}; img-src data:"
    return HTMLResponse(text, headers={"content-security-policy": policy})


async def _front(request: Request) -> Response:
    cookies = " ".join(sorted(request.cookies)) or "none"
    site = request.headers.get("sec-fetch-site", "unknown")
    return _page("A form", f"<p>cookies: {escape(cookies)}</p><p>from: {site}</p>{FORM}")


async def _said(request: Request) -> Response:
    fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    told = " ".join(f"{name}={value}" for name, value in sorted(fields.items()))
    cookies = " ".join(sorted(request.cookies)) or "none"
    return _page("Said", f"<p>said: {escape(told)}</p><p>cookies: {escape(cookies)}</p>")


async def _login(request: Request) -> Response:
    answer = _page("Welcome", "<p>logged in</p>")
    for cookie in (STRICT, LAX):
        answer.headers.append("set-cookie", cookie)
    return answer


async def _passkey(request: Request) -> Response:
    return _page("Passkey", PASSKEY, request.query_params["rp"])


async def _out(request: Request) -> Response:
    """Without a policy: the page of somebody who means no good."""
    to = escape(request.query_params["to"])
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>Out</title><a href="{to}">Go</a>'
        f'<form method="post" action="{to}"><input name="payee" value="mallory">'
        f'<button>Send</button></form><iframe src="{to}"></iframe>'
    )


async def _on(request: Request) -> Response:
    if request.query_params["by"] == "redirect":
        return RedirectResponse("/", 303)
    answer = _page("One moment", '<p><a href="/">Go on</a></p>')
    answer.headers["refresh"] = "0; url=/"
    return answer


async def _leave(request: Request) -> Response:
    to = request.query_params["to"]
    if request.method == "POST":
        return RedirectResponse(to, 303)
    here = escape(str(request.url.include_query_params()))
    refresh = f'<meta http-equiv="refresh" content="3600; url={escape(to)}">'
    form = f'<form method="post" action="{here}"><button>Deny</button></form>'
    return _page("Leave", f'{refresh}{form}<p><a href="{escape(to)}">Back to the shop</a></p>')


async def _file(request: Request) -> Response:
    return Response(bytes(range(256)), media_type="application/octet-stream")


async def _faulty(request: Request) -> Response:
    return HTMLResponse(FAULTY, headers={"content-security-policy": POLICY})


async def _style(request: Request) -> Response:
    return Response(STYLE, media_type="text/css")


async def _script(request: Request) -> Response:
    return FileResponse(Path(__file__).parent / "passkey.js", media_type="text/javascript")


def two_sites() -> Starlette:
    return Starlette(
        routes=[
            Route("/", _front),
            Route("/said", _said, methods=["POST"]),
            Route("/login", _login),
            Route("/passkey", _passkey),
            Route("/out", _out),
            Route("/on", _on),
            Route("/leave", _leave, methods=["GET", "POST"]),
            Route("/file", _file),
            Route("/faulty", _faulty),
            Route("/style.css", _style),
            Route("/passkey.js", _script),
        ]
    )
