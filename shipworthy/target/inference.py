"""The sections about inference endpoints: what is served, how fast, under which limits, on which GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shipworthy.target.kinds import Milliseconds, Seconds, Secret, Section, Share, Url

Feature = Literal[
    "completions", "embeddings", "tools", "json_object", "json_schema", "logprobs", "several", "seed"
]
Tokens = Annotated[int, Field(ge=1, le=10_000_000)]


class Mix(Section):
    """One kind of request in the load that latency is measured under."""

    prompt_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    """Length of the prompt, roughly: words are counted where no tokenizer is at hand."""
    output_tokens: Annotated[int, Field(ge=2, le=100_000)] = 16
    """Tokens that are asked for."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Its share among all kinds."""


class Latency(Section):
    """What each streamed answer promises, and the load under which that is measured.

    A request meets every limit that is set, or it misses; one that broke the contract misses.
    """

    ttft_ms: Milliseconds | None = None
    """Time to the first token, at most."""
    tpot_ms: Milliseconds | None = None
    """Time per output token after the first, at most."""
    gap_ms: Milliseconds | None = None
    """The longest gap between two events with text, at most."""
    total_ms: Milliseconds | None = None
    """Time until the answer is complete, at most."""
    share: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """The share of all requests that meets every limit, at least."""
    confidence: Annotated[float, Field(ge=0.8, le=0.999)] = 0.95
    """How sure the verdict must be, one-sided; between GO and NO-GO the measurement is extended once."""
    samples: Annotated[int, Field(ge=130, le=100_000)] = 200
    """Requests of the first measurement."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Closed loop: so many callers, each asks again when answered; 4 where nothing else says the load."""
    rate_per_s: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Open loop: requests arrive at random (Poisson) at this rate, whether or not others are answered."""
    knee: bool = False
    """Find the knee by a sweep and measure at 70 % of it, in place of the two above."""
    mix: list[Mix] = Field(default_factory=lambda: [Mix()], min_length=1)

    @model_validator(mode="after")
    def _one_load(self) -> Latency:
        if (self.concurrency is not None) + (self.rate_per_s is not None) + self.knee > 1:
            raise ValueError("set one of concurrency, rate_per_s and knee: each is a load of its own")
        return self


class Baseline(Section):
    """The endpoint that this one is to replace; no figure of this one may be worse by 15 % for sure."""

    url: Url
    """Up to and with ``/v1``."""
    model: str | None = None
    """The model that it serves; that of this endpoint where absent."""
    api_key: Secret | None = None
    """Sent as a bearer token."""
    blocks: Annotated[int, Field(ge=8, le=1000)] = 24
    """Pairs of blocks of the first measurement; each pair asks both, in random order, the same."""
    answers: Annotated[int, Field(ge=4, le=256)] = 8
    """Answers of each side in a block."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    """Answers at once."""
    output_tokens: Annotated[int, Field(ge=2, le=100_000)] = 16
    """Tokens that are asked for."""
    fails_above: Annotated[float, Field(ge=0, le=1)] = 0.05
    """A figure that is worse by more than this share, for sure, is a finding."""
    passes_below: Annotated[float, Field(gt=0, le=2)] = 0.15
    """A figure has to be worse by less than this share, for sure; between the two it is unverified."""


class Limits(Section):
    """What the endpoint must refuse."""

    max_tokens: Tokens | None = None
    """A request for more output tokens is a 400 (or is cut to it, ``finish_reason`` length)."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] | None = None
    """So many answers at once are made or queued; one more is a 429 with ``Retry-After``."""
    answer_s: Seconds | None = None
    """An answer that takes longer is ended by the server."""
    largest_body: Annotated[int, Field(ge=1024, le=67_108_864)] | None = None
    """Bytes; a larger request is a 413."""


class Spending(Section):
    """Where the cap on spending can be read."""

    url: Url
    """Answers JSON that holds the cap."""
    key: Secret | None = None
    """Sent as a bearer token."""
    field: str
    """Dotted path to the number in the answer: ``data.spendingCap``."""
    at_most: Annotated[float, Field(gt=0)]
    """The cap must be set, and not above this."""


class Gpu(Section):
    """The hardware that is promised, and where it can be read; at least one source."""

    type: str | None = None
    """Text that the device's name holds: ``H200``, ``A100``."""
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Devices."""
    vram_gib: Annotated[float, Field(gt=0)] | None = None
    """Memory of each device, at least, in GiB."""
    used_gib: Annotated[float, Field(ge=0)] = 1.0
    """Memory of each device that is in use once the model is loaded, at least, in GiB."""
    driver: str | None = None
    """The driver's version, at least: ``550.54``."""
    metrics: Url | None = None
    """Prometheus metrics of DCGM or of the engine (vLLM, SGLang, TGI)."""
    command: list[str] = Field(default_factory=list)
    """Run here, without a shell; prints what ``nvidia-smi --query-gpu=… --format=csv`` prints, with its
    header. Asked for are ``name``, ``memory.total``, ``memory.used``, ``driver_version`` and
    ``utilization.gpu``."""
    provider: Url | None = None
    """The provider's API about this endpoint; the answer's text must hold ``type``."""
    provider_key: Secret | None = None
    """Sent to ``provider`` as a bearer token."""
    busy: Share = 0.05
    """Utilisation that is reached while the endpoint serves, at least; 0: not promised."""
    tokens_per_second: Annotated[float, Field(gt=0)] | None = None
    """Output tokens per second of eight streams together, at least: what no CPU reaches."""

    @property
    def readable(self) -> bool:
        """Whether the devices themselves can be looked at; a provider tells of their type alone."""
        return bool(self.metrics or self.command)


class InferenceEndpoint(Section):
    """One OpenAI-compatible endpoint and what it promises. ``url`` ends in ``/v1``."""

    url: Url
    """The API, up to and with ``/v1``."""
    model: str
    """The model that it serves."""
    revision: str | None = None
    """The revision of its weights, as the list of models gives it (``revision``, or in ``root``)."""
    context_tokens: Tokens | None = None
    """Tokens of prompt and answer together, as the list of models gives it (``max_model_len``)."""
    offers: list[Feature] = Field(default_factory=list)
    """What is promised beyond chat; ``several`` is ``n`` above 1. What is not named is not checked."""
    embedding_model: str | None = None
    """The model for ``/v1/embeddings``, where it has a name of its own."""
    embedding_dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Numbers in a vector."""
    embeddings_normalised: bool = False
    """Every vector has length 1."""
    tokenizer: Path | None = None
    """The model's ``tokenizer.json``: usage is then counted again from the texts."""
    health: Url | None = None
    """Answers 200 when a request would be served, and 503 when not."""
    outside_url: Url | None = None
    """The address under which whoever is not the gateway would reach it, and must be refused."""
    api_key: Secret | None = None
    """Sent as a bearer token."""
    forbidden_key: Secret | None = None
    """A key that is known and has no right to this model, another project's: it must get 403."""
    ttft_p95_ms: Milliseconds | None = None
    """Promised time to the first token, 95th percentile; under the load that ``latency`` declares."""
    tokens_per_second_p50: Annotated[float, Field(gt=0)] | None = None
    """Promised token rate of one stream, median; under that load."""
    serverless: bool = False
    """Scales to zero when idle."""
    cold_start_s: Seconds | None = None
    """Promised time to the first token from zero machines."""
    idle_url: Url | None = None
    """Answers ``{"workers": n}``: how many machines are up or starting, for proving zero before a cold start.
    Beside it may stand ``"starts": m``, how many were ever started, and ``"phases": {"queue": s, "boot": s,
    "load": s}``, what the latest start took, in seconds, as far as it is known."""
    idle_after_s: Seconds = 300.0
    """Zero machines are up at the latest this long after the last request."""
    cold_starts: Annotated[int, Field(ge=1, le=50)] = 1
    """Cold starts that are timed; each needs the endpoint to go down to zero first. ``budgets.check_s`` has
    to allow for all of them."""
    latency: Latency | None = None
    baseline: Baseline | None = None
    earlier_runs: Literal["compare", "demand"] | None = None
    """Compare latency with that of earlier runs that were GO, where at least eight are kept; with ``demand``,
    fewer leave the check unverified."""
    limits: Limits | None = None
    spending: Spending | None = None
    gpu: Gpu | None = None


class Inference(Section):
    """The GPU endpoints by role."""

    instant: InferenceEndpoint | None = None
    thinking: InferenceEndpoint | None = None

    @property
    def by_role(self) -> dict[str, InferenceEndpoint]:
        """The endpoints that are declared: ``instant``, ``thinking``."""
        roles = {"instant": self.instant, "thinking": self.thinking}
        return {role: endpoint for role, endpoint in roles.items() if endpoint}

    # What a check needs of at least one endpoint, whichever it is: ``@needs("inference.promised_gpus")``.

    @property
    def promised_gpus(self) -> list[str]:
        """The roles whose GPU is promised: its type, memory or driver."""
        gpus = {role: endpoint.gpu for role, endpoint in self.by_role.items() if endpoint.gpu}
        return [role for role, gpu in gpus.items() if gpu.type or gpu.vram_gib or gpu.driver]

    @property
    def readable_gpus(self) -> list[str]:
        """The roles whose GPU can be looked at."""
        return [role for role, endpoint in self.by_role.items() if endpoint.gpu and endpoint.gpu.readable]

    @property
    def promised_work(self) -> list[str]:
        """The roles whose GPU can be looked at and has to be busy while it serves."""
        return [role for role in self.readable_gpus if (gpu := self.by_role[role].gpu) and gpu.busy]

    @property
    def promised_rates(self) -> list[str]:
        """The roles whose rate of eight streams together is promised."""
        gpus = {role: endpoint.gpu for role, endpoint in self.by_role.items() if endpoint.gpu}
        return [role for role, gpu in gpus.items() if gpu.tokens_per_second]

    @property
    def outside_addresses(self) -> list[str]:
        """The roles with an address that must refuse outsiders."""
        return [role for role, endpoint in self.by_role.items() if endpoint.outside_url]
