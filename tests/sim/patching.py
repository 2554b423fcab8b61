"""Putting something wrong in the place of something right, and back again."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Final

PACKAGES: Final = ("proto", "runtime", "node", "registry", "pathfinder")


@contextmanager
def changed(owner: object, name: str, value: object) -> Iterator[None]:
    """`owner.name` is `value` inside the block. AttributeError where there was no such name."""
    before = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def everywhere(function: object, instead: object) -> Iterator[None]:
    """Every module of the product that has imported `function` by name has `instead`."""
    places = [
        (module, name)
        for module in _modules()
        for name, value in sorted(vars(module).items(), key=lambda item: item[0])
        if value is function
    ]
    assert places, f"nobody uses {function}"
    with ExitStack() as stack:
        for module, name in places:
            stack.enter_context(changed(module, name, instead))
        yield


def _modules() -> list[ModuleType]:
    names = sorted(n for n in sys.modules if n.split(".")[0] in PACKAGES)
    return [sys.modules[name] for name in names]
