"""Templates of pages. Everything a stranger chose is escaped; a name that is missing is our bug."""

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from runtime.looks import words

MAX_TEMPLATES: Final = 64  # all of ours stay compiled
FILTERS: Final = (
    *("moment", "second", "day", "machine", "span", "size", "number", "grouped"),
    "plain",
)


@cache
def environment(folder: Path) -> Environment:
    """The templates below a folder, compiled: later it would hold up whatever is being decided.

    Once in a process: nobody adds to it, and compiling takes half a second.
    """
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=MAX_TEMPLATES,
    )
    for name in FILTERS:
        made.filters[name] = getattr(words, name)
    for name in made.list_templates(extensions=("html",)):
        made.get_template(name)
    return made
