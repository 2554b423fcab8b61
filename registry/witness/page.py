"""The page for people: which logs are cosigned here, how long they are, and since when."""

from datetime import UTC, datetime
from html import escape
from typing import Final

from registry.witness.state import LogState, ShardState, State

STYLE: Final = """
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:44rem;padding:1rem;color:#1b1b1b;
background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
code{overflow-wrap:anywhere;font-size:.9rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#555}dd{margin:0}
.bad{background:#fde8e8;padding:.5rem 1rem;border-left:.3rem solid #b00020}
@media (max-width:30rem){dl{display:block}dt{margin-top:.5rem}}
@media (prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}dt{color:#aaa}
.bad{background:#3a1d1f}}
"""


def page_html(state: State) -> str:
    """One page without scripts and without anything from elsewhere."""
    name = escape(state.name)
    logs = "".join(_log(log) for log in state.logs) or "<p>No log was added yet.</p>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Witness {name}</title><style>{STYLE}</style></head><body>
<h1>Witness {name}</h1>
<p>A witness watches the logs of commit registries. It signs the newest state of a log only after
checking that the log has grown at its end and that nothing in it was changed. A registry that shows
different logs to different people does not get this signature for both.</p>
{_clock(state)}{_evidence(state)}
<dl><dt>its key</dt><dd><code>{escape(state.key)}</code></dd></dl>
{logs}
</body></html>
"""


def _clock(state: State) -> str:
    if state.ok:
        return ""
    return '<p class="bad">It does not rely on its clock now, and signs nothing.</p>\n'


def _evidence(state: State) -> str:
    if not state.evidence:
        return ""
    count = len(state.evidence)
    files = "file" if count == 1 else "files"
    return f'<p class="bad">{count} {files} about logs that contradict themselves.</p>\n'


def _log(log: LogState) -> str:
    shards = "".join(_shard(shard) for shard in log.shards) or "<p>Nothing signed yet.</p>"
    return f"<h2>{escape(log.name)}</h2><p>registry <code>{log.registry.hex()}</code></p>{shards}\n"


def _shard(shard: ShardState) -> str:
    when = datetime.fromtimestamp(shard.time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"<dl><dt>log</dt><dd><code>{escape(shard.origin)}</code></dd>"
        f"<dt>entries</dt><dd>{shard.size:,}</dd>"
        f"<dt>signed</dt><dd>{when}</dd>"
        f"<dt>root</dt><dd><code>{shard.root.hex()}</code></dd></dl>"
    )
