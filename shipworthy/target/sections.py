"""The sections of a target file, one model each; unknown keys are refused everywhere.

A ``Secret`` is never printed and is registered for redaction. Every other field is
public by declaration: it may appear in reports.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

Secret = SecretStr


def _web_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{text!r} is no web address; write https://host[:port][/path]")
    if parts.username or parts.password:
        raise ValueError("a web address with a password in it; keep credentials in keys of their own")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_web_url)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Milliseconds = Annotated[float, Field(gt=0, le=3_600_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of the target file: parsed once, frozen, strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Environment(Section):
    """What the deployed parts are configured with, and which places are not theirs."""

    required: Annotated[list[str], Field(min_length=1)] | None = None
    """Variables that must be set (in the process environment or the target's env file)."""
    public_prefixes: list[str] = ["VITE_", "NEXT_PUBLIC_", "PUBLIC_", "REACT_APP_", "EXPO_PUBLIC_"]
    """Names with these prefixes are shipped to browsers."""
    foreign: list[str] = Field(default_factory=list)
    """Hosts or project refs of other environments; no URL or key of this target may name one."""
    clean_tree: bool = True
    """The working tree must have no uncommitted change."""


class Database(Section):
    """The project's schema, where it is deployed and where it is rehearsed."""

    project: Path = Path("supabase")
    live: Secret | None = None
    """DSN of the deployed database; inspected in read-only sessions."""
    scratch: Secret = Secret("container")
    """``container``, ``embedded``, or the DSN of a disposable server."""
    image: str = "supabase/postgres:17.6.1.054"
    """Image for ``scratch = "container"``; any Postgres image can be named."""


class Tenancy(Section):
    """Who is who in the seed: the access proof needs two tenants with rows of their own."""

    members: tuple[UUID, UUID]
    """Two users (``auth.users.id``) of different tenants, each with rows in every tenant table."""
    public_tables: list[str] = Field(default_factory=list)
    """Tables that everyone may read, as ``schema.table``."""
    service_tables: list[str] = Field(default_factory=list)
    """Tables that no user reaches, only the service role."""
    open_functions: list[str] = Field(default_factory=list)
    """Functions that ``anon`` or ``authenticated`` may execute, as ``schema.function``."""


class Supabase(Section):
    """The Supabase API of the deployment."""

    url: Url
    anon_key: Secret
    service_role_key: Secret
    project_ref: str | None = None
    """The ``ref`` claim that both keys must carry; derived from ``*.supabase.co`` where absent."""
    functions: list[str] = Field(default_factory=list)
    functions_url: Url | None = None
    """Where edge functions answer; default ``{url}/functions/v1``."""
    cron_secret: Secret | None = None
    allowed_origins: list[str] = Field(default_factory=list)
    cron_jobs: dict[str, str] = Field(default_factory=dict)
    """Job name to schedule, as ``cron.job`` must hold them."""
    private_buckets: list[str] = Field(default_factory=list)


class Gateway(Section):
    """The HTTP gateway in front of the inference endpoints."""

    url: Url
    health: str = "/healthz"
    models: list[str] = Field(default_factory=list)


class InferenceEndpoint(Section):
    """One OpenAI-compatible endpoint and what it promises. ``url`` ends in ``/v1``."""

    url: Url
    model: str
    api_key: Secret | None = None
    ttft_p95_ms: Milliseconds | None = None
    tokens_per_second_p50: Annotated[float, Field(gt=0)] | None = None
    samples: Annotated[int, Field(ge=64, le=10_000)] = 130
    """Streamed requests that the latency check sends; p95 needs at least 130."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    serverless: bool = False
    """Scales to zero when idle."""
    cold_start_s: Seconds | None = None
    idle_url: Url | None = None
    """Answers ``{"workers": n}``: how many machines are up, for proving zero before a cold start."""


class Inference(Section):
    """The GPU endpoints by role."""

    instant: InferenceEndpoint | None = None
    thinking: InferenceEndpoint | None = None


class Ingestion(Section):
    """The service that turns files into searchable chunks."""

    webhook: Url
    search: Url
    health: Url | None = None
    metrics: Url | None = None
    channel_id: str | None = None
    channel_token: Secret | None = None
    search_token: Secret | None = None
    searchable_within_s: Seconds = 30.0


class Web(Section):
    """The web app and a user of its own to sign in with."""

    url: Url
    email: str | None = None
    password: Secret | None = None


class Load(Section):
    """The load that the deployment promises to carry."""

    profile: Literal["gate", "nightly", "soak"] = "gate"
    p95_ms: Milliseconds
    error_rate: Share
    users: Annotated[int, Field(ge=1, le=10_000)] = 10
    duration_s: Seconds | None = None
    """Overrides the profile's own duration."""


class Recovery(Section):
    """What must be provable about getting back."""

    restore_within_s: Seconds = 300.0


class Budgets(Section):
    """How long a run may take before it is stopped; a stopped run is NO-GO."""

    check_s: Seconds = 120.0
    stage_s: Seconds = 600.0
    total_s: Seconds = 1800.0
    stages: dict[str, Seconds] = Field(default_factory=dict)
    """Stage name to its own budget."""


class Waiver(Section):
    """A reviewed exception: this check, this subject, this owner, until then."""

    check: str
    subject: str
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=8)]
    expires: dt.date

    def live(self, today: dt.date) -> bool:
        """Tell whether the waiver still holds; its last day counts."""
        return today <= self.expires


class Retries(Section):
    """How many more attempts the checks of a stage get; flaky ones are reported as such."""

    stages: dict[str, Annotated[int, Field(ge=0, le=2)]] = Field(default_factory=dict)


class Target(Section):
    """One deployment: where its parts are, what they promise, what may be written there."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    promotes_to: str | None = None
    writes: Literal["none", "synthetic", "any"] = "none"
    env_file: Path | None = None
    reference: bool = False
    """The reference deployment: started for the run where it is not up already."""

    environment: Environment | None = None
    database: Database | None = None
    tenancy: Tenancy | None = None
    supabase: Supabase | None = None
    gateway: Gateway | None = None
    inference: Inference | None = None
    ingestion: Ingestion | None = None
    web: Web | None = None
    load: Load | None = None
    recovery: Recovery | None = None
    budgets: Budgets = Budgets()
    retries: Retries = Retries()
    waivers: list[Waiver] = Field(default_factory=list)

    def declares(self, part: str) -> bool:
        """Tell whether the target has this part; ``part`` is a dotted path, ``"inference.instant"``."""
        here: object = self
        for name in part.split("."):
            here = getattr(here, name, None)
            if here is None or here is False:
                return False
        return True
