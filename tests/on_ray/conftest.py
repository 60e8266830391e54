"""A cluster of three nodes for the tests of one file, and the engine that is connected to it."""

import sys
from collections.abc import Iterator

import pytest

from pipeline.engines import Ray


@pytest.fixture(scope="module")
def engine() -> Iterator[Ray]:
    """Return an engine whose work runs on two nodes of one core each."""
    from benchmarks.cluster import ENVIRONMENT, cluster

    if " " in sys.executable:
        pytest.skip("Ray starts its processes through a shell that cuts a path with a space")
    with cluster(workers=2) as address, pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"RAY_ADDRESS": address}).items():
            patch.setenv(name, value)
        connected = Ray()
        yield connected
        connected.close()
