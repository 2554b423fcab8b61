"""What tests of every room may ask for."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster import Cluster, cluster

# An example is wrong or right, never late: others may use the processors meanwhile.
settings.register_profile("pledgeway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pledgeway")


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """PostgreSQL, made by the first test that asks for it: a schema of it is as good as a server,
    and takes milliseconds where a server takes seconds."""
    with cluster() as running:
        yield running
