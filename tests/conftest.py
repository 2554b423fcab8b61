"""What tests of every room may ask for."""

import gc
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster import Cluster, cluster
from tests.warmed import cool

# An example is wrong or right, never late: others may use the processors meanwhile.
settings.register_profile("pledgeway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pledgeway")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is made here stays to the end. A collector of garbage that looks through half a million
    such objects again and again takes half of the time here, and a quarter of the tests'."""
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those marked `first` come first, in every process alike."""
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """PostgreSQL, made by the first test that asks for it: a schema of it is as good as a server,
    and takes milliseconds where a server takes seconds."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _cooled() -> Iterator[None]:
    yield
    cool()


@contextmanager
def short_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pw-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short one: a socket's path has room for about a hundred bytes."""
    with short_folder() as made:
        yield made


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short one, too, in place of pytest's own: complaints shorten a long path, and pytest-xdist
    makes it longer by the name of a process."""
    with short_folder() as made:
        yield made
