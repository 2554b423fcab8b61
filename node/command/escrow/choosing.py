"""Which template is meant: one that ships, one in a node's home, or a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from node.command.exit_status import REFUSED, UNUSABLE, fail, plain
from node.config import CONFIG_NAME
from node.escrow.faults import TemplateFault
from node.escrow.library import library, library_bytes
from node.escrow.own_templates import own_templates, read_own
from node.escrow.templates import MAX_NAME_CHARS, Template

NODE_HELP: Final = "Whose own templates count as well: DIR/templates/*.json. It need not run."


@contextmanager
def unusable() -> Iterator[None]:
    """A fault of a template or of how it is filled in ends the command in one line."""
    try:
        yield
    except TemplateFault as fault:
        fail(UNUSABLE, str(fault))


def own(directory: Path | None) -> dict[str, tuple[Template, bytes]]:
    """Templates in a node's home, by name. Ends the command where there is no node."""
    if directory is None:
        return {}
    home = directory.expanduser()
    if not (home / CONFIG_NAME).is_file():
        fail(UNUSABLE, f"{home}: holds no node: make one with `pledgeway node init {home}`")
    with unusable():
        return own_templates(home)


def chosen_template(
    name: str | None, file: Path | None, directory: Path | None
) -> tuple[Template, bytes]:
    """The template of a NAME or a FILE, and its exact bytes. Ends the command where there is none.

    In a name, hyphens and underscores count as spaces.
    """
    if (name is None) == (file is None):
        fail(UNUSABLE, "name one template, or a file with --file: see `pledgeway escrow templates`")
    if name is None:
        assert file is not None
        with unusable():
            return read_own(file)
    wanted = " ".join(name.replace("-", " ").replace("_", " ").split()).lower()
    shipped = library()
    if wanted in shipped:
        return shipped[wanted], library_bytes(wanted)
    found = own(directory)
    if wanted not in found:
        near = get_close_matches(wanted, [*shipped, *found], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        shown = repr(plain(name)[:MAX_NAME_CHARS])
        fail(REFUSED, f"there is no template {shown}: {hint}`pledgeway escrow templates` lists all")
    return found[wanted]
