"""What is read of devices and engines, from the formats as they are printed, and while an endpoint serves."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from shipworthy import ProbeError
from shipworthy.probes.inference.gpu import (
    Device,
    Engine,
    Sources,
    ask_provider,
    read_gpu,
    read_metrics,
    read_smi,
    run_bounded,
)
from shipworthy.probes.inference.serving import Serving, watch_serving

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


def sources(endpoint) -> Sources:
    return Sources(metrics=endpoint.url.replace("/v1", "/metrics"))


def test_nvidia_smi_with_units():
    assert read_smi(sample("nvidia_smi_h100x2.csv")) == (
        Device("NVIDIA H100 80GB HBM3", 81559, 74213, "550.54.15", 0.97),
        Device("NVIDIA H100 80GB HBM3", 81559, 1, "550.54.15", 0.0),
    )


def test_nvidia_smi_without_units_and_in_another_order():
    assert read_smi(sample("nvidia_smi_nounits.csv")) == (
        Device("NVIDIA L4", 23034, 20785, "535.183.01", 0.63),
    )


def test_what_nvidia_smi_does_not_know_is_not_zero():
    assert read_smi(sample("nvidia_smi_mig.csv"))[0].busy is None


@pytest.mark.parametrize("name", ["nvidia_smi_no_driver.txt", "nvidia_smi_no_devices.txt"])
def test_what_nvidia_smi_says_instead_is_quoted(name: str):
    with pytest.raises(ProbeError, match=sample(name)[:20]):
        read_smi(sample(name))


def test_devices_of_the_dcgm_exporter():
    devices, engine = read_metrics(sample("dcgm_exporter.prom"))
    assert engine is None
    assert devices == (
        Device("NVIDIA A100-SXM4-80GB", 81046, 73742, "535.129.03", 0.94),
        Device("NVIDIA A100-SXM4-80GB", 81046, 2, "535.129.03", 0.0),
    )


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("vllm.prom", Engine(("meta-llama/Llama-3.1-8B-Instruct",), 8, 19283)),
        ("sglang.prom", Engine(("Qwen/Qwen2.5-7B-Instruct",), 3, 7557)),
        ("tgi.prom", Engine((), 2, 1208)),
    ],
)
def test_engines_by_their_metrics(name: str, engine: Engine):
    assert read_metrics(sample(name)) == ((), engine)


def test_slices_of_a_card_are_devices_of_their_own():
    labels = 'gpu="0",UUID="GPU-1",modelName="NVIDIA A100-SXM4-40GB",GPU_I_PROFILE="3g.20gb"'
    text = "".join(
        f'DCGM_FI_DEV_FB_USED{{{labels},GPU_I_ID="{number}"}} {used}\n' for number, used in ((1, 10), (2, 20))
    )
    assert [device.used_mib for device in read_metrics(text)[0]] == [10, 20]


def test_devices_are_read_while_streams_are_served(start):
    endpoint = start(ttft_ms=40)
    served = watch_serving(endpoint, sources(endpoint), busy=0.05, within_s=10)
    assert served.busiest >= 0.05
    assert served.fastest.tokens == 8 * 64
    assert max(reading.engine.running for reading in served.readings) > 0
    assert served.readings[-1].engine.models == ("instant-1",)
    assert Serving.from_json(served.as_json()) == served


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        ("another_gpu", lambda d: d.name == "NVIDIA L4" and d.memory_mib == 23_034),
        ("half_a_gpu", lambda d: d.memory_mib == 71_424),
        ("old_driver", lambda d: d.driver == "535.129.03"),
        ("not_on_the_gpu", lambda d: d.used_mib < 1024),
        ("works_on_the_cpu", lambda d: d.busy == 0 and d.used_mib > 1024),
    ],
)
def test_a_fault_of_the_hardware_shows_in_every_source(start, fault: str, shows):
    endpoint = start(fault, gap_ms=1)
    command = (
        sys.executable,
        "-c",
        "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())",
    )
    both = Sources(endpoint.url.replace("/v1", "/metrics"), (*command, endpoint.url.replace("/v1", "/gpu")))
    served = watch_serving(endpoint, both, busy=0.0, within_s=0, streams=2)
    for source in ("metrics", "command"):
        assert all(shows(device) for reading in served.readings for device in reading.devices[source]), source


def test_a_source_that_tells_of_no_gpu_is_no_source(start):
    with pytest.raises(ProbeError, match=r"not in Prometheus' text format|tells neither"):
        read_gpu(Sources(metrics=start().url.replace("/v1", "/healthz")))
    with pytest.raises(ProbeError, match="HTTP 404"):
        read_gpu(Sources(metrics=start().url.replace("/v1", "/nothing")))


def test_a_provider_is_asked_with_its_key(start):
    endpoint = start()
    assert "instant-1" in ask_provider(Sources(provider=f"{endpoint.url}/models", provider_key=endpoint.key))
    with pytest.raises(ProbeError, match="HTTP 401"):
        ask_provider(Sources(provider=f"{endpoint.url}/models"))


def test_a_command_that_fails_is_quoted():
    with pytest.raises(ProbeError, match="ended with 9: 'no GPU here'"):
        run_bounded(["sh", "-c", "echo no GPU here >&2; exit 9"])
    with pytest.raises(ProbeError, match="no-such-smi cannot be started: No such file"):
        run_bounded(["no-such-smi"])


def test_a_command_without_end_is_ended_with_all_that_it_started(tmp_path):
    trace = tmp_path / "alive"
    with pytest.raises(ProbeError, match=r"had not ended after 0\.3 s"):
        run_bounded(["sh", "-c", f"(while :; do date >> {trace}; sleep 0.05; done) & sleep 60"], within_s=0.3)
    seen = trace.read_bytes()
    time.sleep(0.3)
    assert trace.read_bytes() == seen
