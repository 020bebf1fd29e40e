"""Running the meter in processes of its own."""

from __future__ import annotations

from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.plan import Plan


def measure(plan: Plan, *, processes: int = 1) -> Measurement:
    """Send what a plan says and give what came back, when.

    Args:
        plan: what to send.
        processes: how many meters share the work; one is enough for some hundred streams.

    Raises:
        ProbeError: the meter did not start, broke or did not end; an endpoint's name has no address.

    """
    raise NotImplementedError
