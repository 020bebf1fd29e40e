"""The hardware behind the endpoints: what is there, and whether the model runs on it."""

from itertools import chain

from shipworthy import ProbeError, alone, needs

KEPT_BY_THE_DRIVER = 0.07
"""Of 24 GiB a device shows 22.5: driver and error correction keep some 6 %."""


def _told_by(serving):
    """Give, source by source, the devices of the last reading that tells of any."""
    told = {}
    for reading in serving.readings:
        told |= {source: devices for source, devices in reading.devices.items() if devices}
    return told


def _of_type(devices, wanted):
    return [d for d in devices if not wanted or wanted.casefold() in (d.name or "").casefold()]


@alone
@needs("inference.promised_gpus")
def test_the_promised_gpus_are_there(findings, evidence, target, serving):
    """Type, number, memory and driver of the devices are what the target promises.

    Why: a smaller card serves the same answers until contexts grow; an old driver fails on the next image.
    Fix: choose the promised type in the endpoint's settings, without substitutes; update the host's driver.
    """
    for role in findings.over(target.inference.promised_gpus, "promised GPUs"):
        promised, served = target.inference.by_role[role].gpu, serving(role)
        told = _told_by(served)
        evidence.json(
            f"devices-{role}", {source: [str(d) for d in devices] for source, devices in told.items()}
        )
        findings.looked_at(len(told) + (served.provider is not None), "sources that tell of devices")
        wrong = list(chain(_wrong_type(promised, told, served.provider), _wrong_size(promised, told),
                           _wrong_driver(promised, told)))  # fmt: skip
        for source, saw, want, fix in wrong:
            findings.add(f"inference.{role}, GPU as {source} tells", saw=saw, want=want, fix=fix)


def _wrong_type(promised, told, provider):
    want = f"{promised.count} x {promised.type or 'a GPU'}"
    choose = "choose the promised type and number in the endpoint's settings, and no substitutes"
    for source, devices in told.items():
        named = [d for d in devices if d.name]
        fitting = _of_type(named, promised.type) if named else list(devices)
        if len(fitting) < promised.count:
            seen = ", ".join(dict.fromkeys(str(device) for device in devices))
            yield source, f"{len(devices)} devices: {seen}", want, choose
    if promised.type and provider is not None and promised.type.casefold() not in provider.casefold():
        yield "the provider", f"{provider[:160]!r}", f"an answer that names {promised.type}", choose
    if promised.type and provider is None and not any(d.name for devices in told.values() for d in devices):
        raise ProbeError("no source names the type: declare `command`, DCGM's `metrics`, or `provider`")


def _wrong_size(promised, told):
    if not promised.vram_gib:
        return
    sized = [(source, d) for source, devices in told.items() for d in devices if d.memory_mib is not None]
    if not sized:
        raise ProbeError("no source tells the memory of the devices: declare `command` or DCGM's `metrics`")
    for source, device in sized:
        small = device.memory_mib / 1024 < promised.vram_gib * (1 - KEPT_BY_THE_DRIVER)
        if small and _of_type([device], promised.type):
            yield (
                source,
                f"{device}",
                f"{promised.vram_gib:g} GiB, less what driver and error correction keep",
                "choose the larger variant of the card, or a whole one where this is a slice (MIG)",
            )


def _wrong_driver(promised, told):
    if not promised.driver:
        return
    drivers = {(source, d.driver) for source, devices in told.items() for d in devices if d.driver}
    if not drivers:
        raise ProbeError("no source tells the driver: declare `command` or DCGM's `metrics`")
    for source, driver in sorted(drivers):
        if _version(driver) < _version(promised.driver):
            yield source, f"driver {driver}", f"{promised.driver} or later", "update the driver of the host"


def _version(text):
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


@alone
@needs("inference.readable_gpus")
def test_the_model_is_on_the_gpu(findings, target, serving):
    """While the endpoint serves, its weights lie in the memory of the promised devices.

    Why: an engine that finds no GPU falls back to the CPU without a word, and answers, slowly.
    Fix: give the container the devices (`--gpus all`, `nvidia.com/gpu`), and start the engine so that it
    fails without one.
    """
    for role in findings.over(target.inference.readable_gpus, "GPUs that can be looked at"):
        endpoint, served = target.inference.by_role[role], serving(role)
        told = {
            source: [d for d in devices if d.used_mib is not None]
            for source, devices in _told_by(served).items()
        }
        engines = [reading.engine for reading in served.readings if reading.engine]
        findings.looked_at(len(engines) + sum(map(len, told.values())), "devices and engines")
        for source, devices in told.items():
            loaded = [d for d in devices if d.used_mib / 1024 >= endpoint.gpu.used_gib]
            if devices and len(loaded) < endpoint.gpu.count:
                findings.add(
                    f"inference.{role}, memory as {source} tells",
                    saw=f"while it serves: {', '.join(dict.fromkeys(map(str, devices)))}",
                    want=f"{endpoint.gpu.used_gib:g} GiB or more in use on {endpoint.gpu.count} of them",
                    fix="give the container its devices and start the engine so that it fails without them",
                )
        if engines and engines[-1].models and endpoint.model not in engines[-1].models:
            findings.add(
                f"inference.{role}, model as metrics tell",
                saw=f"the engine serves {', '.join(engines[-1].models)}",
                want=endpoint.model,
                fix="correct `gpu.metrics`: it leads to another engine; or serve the model under this name",
            )


@alone
@needs("inference.promised_work")
def test_the_gpu_works_while_the_endpoint_serves(findings, evidence, target, serving):
    """While streams are served, the utilisation of a device rises.

    Why: weights in the memory are no proof that the work is done there: layers that were left to the CPU
    make every token wait for it.
    Fix: see which layers are offloaded (`--cpu-offload-gb`, `device_map`); look for a second process that
    holds the device.
    """
    for role in findings.over(target.inference.promised_work, "GPUs that can be looked at"):
        promised, served = target.inference.by_role[role].gpu, serving(role)
        if served.busiest is None:
            raise ProbeError(
                f"inference.{role}: no source tells the utilisation: declare `command` or DCGM's `metrics`, "
                "or `busy = 0` where it is not promised"
            )
        known = sum(reading.busiest is not None for reading in served.readings)
        findings.looked_at(known, "readings of the utilisation")
        evidence.measure(
            f"highest utilisation of inference.{role}", 100 * served.busiest, "%",
            samples=known, limit=100 * promised.busy, at_least=True,
        )  # fmt: skip
        if served.busiest < promised.busy:
            findings.add(
                f"inference.{role}, utilisation while it serves",
                saw=f"{served.busiest:.0%} at most, in {known} readings while {len(served.waves)} waves of "
                "streams were served",
                want=f"{promised.busy:.0%} or more (`busy`)",
                fix="find out where the work is done: the engine's log at start names its device",
            )


@alone
@needs("inference.promised_rates")
def test_streams_together_reach_the_promised_rate(findings, evidence, target, serving):
    """Eight streams together give the tokens per second that the promised GPU gives.

    Why: this is the figure that no CPU reaches, whatever metrics say, and what the price of a GPU pays for.
    Fix: check that the engine batches requests, that nobody else uses the device, and its power limit.
    """
    for role in findings.over(target.inference.promised_rates, "promised rates"):
        floor, served = target.inference.by_role[role].gpu.tokens_per_second, serving(role)
        findings.looked_at(len(served.waves), "waves of streams")
        best = served.fastest
        evidence.measure(
            f"tokens of inference.{role} together", best.per_second, "tokens/s",
            samples=len(served.waves), limit=floor,
        )  # fmt: skip
        if best.per_second < floor:
            findings.add(
                f"inference.{role}, streams together",
                saw=f"{best.per_second:.0f} tokens/s: {best.tokens} tokens in {best.seconds:.1f} s, the best "
                f"of {len(served.waves)} waves",
                want=f"{floor:g} tokens/s or more",
                fix="see that the model is on the GPU, that the engine batches, and who else uses the device",
            )
