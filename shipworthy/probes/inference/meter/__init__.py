"""The meter: when the bytes of streamed answers arrive, measured by processes that do nothing else.

::

    plan = Plan(
        endpoints=(candidate, live),
        phases=(
            Phase(tuple(Request(streamed(candidate, "warm up", max_tokens=16)) for _ in range(4)),
                  callers=4, counts=False),
            Phase(tuple(Request(streamed(e, prompt, max_tokens=16), endpoint=n, label="block 1")
                        for prompt in prompts for n, e in enumerate((candidate, live))), callers=4),
        ),
    )
    measurement = measure(plan)            # seconds to minutes; raises ProbeError where it could not look
    measurement.demand_valid()             # raises ProbeError where the meter itself was too late
    for sample in measurement.samples:     # in the order of the plan; phases that do not count left out
        sample.label, sample.endpoint, sample.first_token_s, sample.tpot_s, sample.largest_gap_s, sample.miss

A **plan** is phases one after another; each begins when every request of the one before is over. A phase
is a closed loop (``callers``: so many at any time, each asks the next when answered) or an open one
(``callers`` None: each request at its own ``at_s`` after the phase began, whatever became of others).
Every request has a connection of its own that is made before its time comes; ``connect_s`` is apart.

A **sample** is one request. ``intended_s`` and ``sent_s`` count from the measurement's beginning;
``first_token_s``, ``last_token_s`` and ``ended_s`` count from the *intended* moment, so that an answer that
could not be asked for in time is as late as its user finds it. In a closed loop a request is intended when
its caller is free and connected. ``miss`` says why an answer broke the contract; its times mean nothing then.
``late_s`` is how late the meter itself was, at worst, while it waited for this answer: a limit that is
exceeded by less than that is no evidence (``slo.judge`` counts such a sample neither way).

``Measurement.as_json`` and ``from_json`` keep and take back every raw sample; ``a + b`` joins two
measurements of the same load (an extension).
"""

from shipworthy.probes.inference.meter.lateness import Lateness
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.plan import Phase, Plan, Request, streamed
from shipworthy.probes.inference.meter.processes import measure
from shipworthy.probes.inference.meter.sample import Sample

__all__ = ["Lateness", "Measurement", "Phase", "Plan", "Request", "Sample", "measure", "streamed"]
