"""What a Prometheus endpoint exports."""

from __future__ import annotations

import httpx

from shipworthy.errors import ProbeError


def read_samples(client: httpx.Client, url: str) -> dict[str, float]:
    """Give every sample's value by its name, summed over labels.

    Raises:
        ProbeError: it did not answer in Prometheus' text format.

    """
    from prometheus_client.parser import text_string_to_metric_families

    answer = client.get(url)
    if not answer.is_success:
        raise ProbeError(f"GET {url} answered {answer.status_code}; want metrics in Prometheus' text format")
    samples: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                samples[sample.name] = samples.get(sample.name, 0.0) + sample.value
    except ValueError as error:
        raise ProbeError(f"GET {url}: not in Prometheus' text format ({error})") from error
    return samples
