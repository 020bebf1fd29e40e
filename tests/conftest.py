"""What tests in several folders need of this machine."""

from __future__ import annotations

import gc
import os

import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.container import provide_image


@pytest.fixture(scope="session")
def container_engine() -> str:
    """The image to use; where containers are required, a missing engine is a failure."""
    image = os.environ.get("SHIPWORTHY_TEST_IMAGE", "shipworthy/postgres:17")
    try:
        provide_image(image)
    except ProbeError as error:
        if os.environ.get("SHIPWORTHY_CONTAINER_TESTS") == "required":
            raise
        gc.collect()  # the SDK leaves its socket to the collector when it cannot connect
        pytest.skip(str(error))
    return image
