"""What exporters, ``nvidia-smi`` and a provider say of the devices behind an endpoint.

Sources of the formats: the DCGM exporter's ``default-counters.csv`` and its labels, vLLM's and SGLang's
production metrics, TGI's metrics, ``nvidia-smi --help-query-gpu``.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shipworthy.errors import ProbeError
from shipworthy.probes.http import bounded_client

COMMAND_S = 10.0
LARGEST_OUTPUT = 1024 * 1024
UNKNOWN = ("n/a", "[n/a]", "[not supported]", "[unknown error]", "[insufficient permissions]")
SMI_COLUMNS = ("name", "memory.total", "memory.used", "driver_version", "utilization.gpu")
MIB = {"": 1.0, "MiB": 1.0, "GiB": 1024.0, "KiB": 1 / 1024}
RUNNING = ("vllm:num_requests_running", "sglang:num_running_reqs", "tgi_batch_current_size")
GENERATED = (
    "vllm:generation_tokens_total",
    "sglang:generation_tokens_total",
    "tgi_request_generated_tokens_sum",
)


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU, or one slice of it, as one source tells; None: the source does not say."""

    name: str | None = None
    memory_mib: float | None = None
    used_mib: float | None = None
    driver: str | None = None
    busy: float | None = None
    """Utilisation, between 0 and 1."""

    def __str__(self) -> str:
        memory = f"{self.memory_mib / 1024:.1f} GiB" if self.memory_mib is not None else "memory unknown"
        used = f", {self.used_mib / 1024:.1f} GiB in use" if self.used_mib is not None else ""
        driver = f", driver {self.driver}" if self.driver else ""
        return f"{self.name or 'a device without a name'} ({memory}{used}{driver})"


@dataclass(frozen=True, slots=True)
class Engine:
    """What an engine's metrics tell of it."""

    models: tuple[str, ...]
    """The models that its metrics name; none where they name none."""
    running: float
    """Requests that are being answered."""
    generated: float | None
    """Tokens that were made since it started."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the devices of an endpoint can be read."""

    metrics: str | None = None
    command: tuple[str, ...] = ()
    provider: str | None = None
    provider_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that the sources said at one moment."""

    devices: Mapping[str, tuple[Device, ...]]
    """By source: ``metrics``, ``command``; a source that tells of none is left out."""
    engine: Engine | None = None

    @property
    def busiest(self) -> float | None:
        """The highest utilisation of any device; None where no source tells."""
        known = [d.busy for devices in self.devices.values() for d in devices if d.busy is not None]
        return max(known, default=None)


def read_gpu(sources: Sources) -> Reading:
    """Ask metrics and command.

    Raises:
        ProbeError: a declared source did not answer, or in another format.

    """
    devices: dict[str, tuple[Device, ...]] = {}
    engine = None
    if sources.metrics:
        with bounded_client(may_write=False) as client:
            answer = client.get(sources.metrics)
        if answer.status_code != 200:
            raise ProbeError(f"GET {sources.metrics}: HTTP {answer.status_code}, want Prometheus metrics")
        try:
            told, engine = read_metrics(answer.text)
        except ValueError as error:
            raise ProbeError(f"GET {sources.metrics}: not in Prometheus' text format ({error})") from error
        if told:
            devices["metrics"] = told
        if not told and not engine:
            raise ProbeError(f"GET {sources.metrics} tells neither of a GPU (DCGM_FI_…) nor of an engine "
                             "(vllm:…, sglang:…, tgi_…)")  # fmt: skip
    if sources.command:
        devices["command"] = read_smi(run_bounded(sources.command))
    return Reading(devices, engine)


def ask_provider(sources: Sources) -> str | None:
    """Give the text of the provider's answer about the endpoint; None where no provider is declared.

    Raises:
        ProbeError: it did not answer with 200.

    """
    if not sources.provider:
        return None
    headers = {"Authorization": f"Bearer {sources.provider_key}"} if sources.provider_key else {}
    with bounded_client(may_write=False, headers=headers) as client:
        answer = client.get(sources.provider)
    if answer.status_code != 200:
        raise ProbeError(f"GET {sources.provider}: HTTP {answer.status_code} {answer.text[:120]!r}")
    return answer.text


def read_smi(text: str) -> tuple[Device, ...]:
    """Read what ``nvidia-smi --query-gpu=… --format=csv`` prints, with its header.

    Raises:
        ProbeError: it is something else: an error message, or no header.

    """
    rows = list(csv.reader(text.strip().splitlines(), skipinitialspace=True))
    header = [column.strip() for column in rows[0]] if rows else []
    names = [column.partition(" [")[0] for column in header]
    if not set(names) & set(SMI_COLUMNS):
        raise ProbeError(
            f"the command printed {text.strip()[:160]!r}; want the output of nvidia-smi "
            f"--query-gpu={','.join(SMI_COLUMNS)} --format=csv, header included"
        )
    units = [column.partition(" [")[2].rstrip("]") for column in header]
    return tuple(_device_of_row(names, units, row) for row in rows[1:] if len(row) == len(names))


def _device_of_row(names: Sequence[str], units: Sequence[str], row: Sequence[str]) -> Device:
    known = {
        name: (value.strip(), unit)
        for name, unit, value in zip(names, units, row, strict=True)
        if value.strip().lower() not in UNKNOWN
    }

    def text(column: str) -> str | None:
        return known[column][0] if column in known else None

    def mib(column: str) -> float | None:
        if column not in known:
            return None
        value, unit = known[column]
        number, _, own_unit = value.partition(" ")
        return _number(number, column) * MIB.get(own_unit or unit, 1.0)

    busy = text("utilization.gpu")
    return Device(
        name=text("name"),
        memory_mib=mib("memory.total"),
        used_mib=mib("memory.used"),
        driver=text("driver_version"),
        busy=None if busy is None else _number(busy.removesuffix("%").strip(), "utilization.gpu") / 100,
    )


def _number(text: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ProbeError(f"the command printed {text!r} as {column}; want a number") from None


def read_metrics(text: str) -> tuple[tuple[Device, ...], Engine | None]:
    """Read devices (DCGM) and engine (vLLM, SGLang, TGI) from Prometheus' text format.

    Raises:
        ValueError: it is not in that format.

    """
    from prometheus_client.parser import text_string_to_metric_families

    samples = [
        (sample.name, dict(sample.labels), float(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    return tuple(_devices_of(samples)), _engine_of(samples)


Samples = Iterable[tuple[str, dict[str, str], float]]


def _devices_of(samples: Samples) -> Iterator[Device]:
    """Group the samples of DCGM by device; slices (MIG) are devices of their own."""
    grouped: dict[tuple[str, ...], dict[str, float]] = {}
    labels_of: dict[tuple[str, ...], dict[str, str]] = {}
    for name, labels, value in samples:
        if name.startswith("DCGM_FI_"):
            key = tuple(labels.get(part, "") for part in ("Hostname", "UUID", "gpu", "GPU_I_ID"))
            grouped.setdefault(key, {})[name.removeprefix("DCGM_FI_")] = value
            labels_of[key] = labels_of.get(key, {}) | labels
    for key, values in grouped.items():
        used, free = values.get("DEV_FB_USED"), values.get("DEV_FB_FREE")
        both = used + free + values.get("DEV_FB_RESERVED", 0.0) if None not in {used, free} else None  # type: ignore[operator]
        percent, active = values.get("DEV_GPU_UTIL"), values.get("PROF_GR_ENGINE_ACTIVE")
        yield Device(
            name=labels_of[key].get("modelName"),
            memory_mib=values.get("DEV_FB_TOTAL", both),
            used_mib=used,
            driver=labels_of[key].get("DCGM_FI_DRIVER_VERSION"),
            busy=active if percent is None else percent / 100,
        )


def _engine_of(samples: Samples) -> Engine | None:
    running = [(labels, value) for name, labels, value in samples if name in RUNNING]
    if not running:
        return None
    generated = [value for name, _, value in samples if name in GENERATED]
    models = dict.fromkeys(labels["model_name"] for labels, _ in running if labels.get("model_name"))
    return Engine(tuple(models), sum(value for _, value in running), sum(generated) if generated else None)


def run_bounded(command: Sequence[str], within_s: float = COMMAND_S) -> str:
    """Run a command without a shell and give what it printed.

    Raises:
        ProbeError: it cannot be started, takes too long (it is then ended, with all that it started),
            or fails.

    """
    # Files, not pipes: a grandchild that outlives the command would keep a pipe open.
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
        try:
            process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=printed, stderr=complained,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise ProbeError(f"{command[0]} cannot be started: {error.strerror}") from error
        try:
            code = process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise ProbeError(f"{command[0]} had not ended after {within_s:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        printed.seek(0)
        complained.seek(0)
        text = printed.read(LARGEST_OUTPUT).decode(errors="replace")
        if code:
            said = complained.read(LARGEST_OUTPUT).decode(errors="replace").strip() or text.strip()
            raise ProbeError(f"{command[0]} ended with {code}: {said[-200:]!r}")
        return text
