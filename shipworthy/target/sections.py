"""The sections of a target file, one model each; unknown keys are refused everywhere."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shipworthy.target.inference import Inference
from shipworthy.target.kinds import Milliseconds, Names, Seconds, Secret, Section, Share, Url


class Environment(Section):
    """What the deployed parts are configured with, and which places are not theirs."""

    required: Names | None = None
    """Variables that must be set (in the process environment or the target's env file)."""
    public_prefixes: list[str] = ["VITE_", "NEXT_PUBLIC_", "PUBLIC_", "REACT_APP_", "EXPO_PUBLIC_"]  # noqa: RUF012  a model copies it
    """Names with these prefixes are shipped to browsers."""
    foreign: Names | None = None
    """Hosts or project refs of other environments; no URL or key of this target may name one."""
    clean_tree: bool = True
    """The working tree must have no uncommitted change."""


class Lints(Section):
    """What tools of others say about the schema; each needs its tool, so each is asked for."""

    advisors: bool = False
    """Supabase's own advisors on the migrated database; needs the Supabase CLI (``shipworthy setup``)."""
    squawk: bool = False
    """squawk on pending migrations, for what stops others or breaks deployed code."""
    plpgsql: bool = False
    """plpgsql_check on every PL/pgSQL function; needs that extension on the scratch server."""


class Upgrade(Section):
    """How the way from the deployed version to this one is rehearsed, and what it may cost.

    A wait of three seconds is a failure: that is when Supabase ends the queries of ``anon`` (its
    ``statement_timeout``). Postgres writes or checks some 100,000 rows in a second of a small server.
    """

    rows: Annotated[int, Field(ge=50, le=5_000_000)] = 20_000
    """Synthetic rows of the largest table in the copy; the others in proportion."""
    tables: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """Table (``schema.table``) to the rows that it has, or will have, where it is deployed; for the others
    the estimates of ``live`` are taken."""
    large_rows: Annotated[int, Field(ge=1)] = 100_000
    """A table with so many rows where it is deployed must not be written or read as a whole under a lock."""
    max_stall_ms: Milliseconds = 3000.0
    """The longest that a query may wait for a migration on the copy."""
    max_lock_ms: Milliseconds = 3000.0
    """The longest that a lock which makes others wait may be held on the copy, whatever the table's size."""
    may_drop: list[str] = Field(default_factory=list)
    """Tables (``schema.table``) that a pending migration may drop with the rows in them."""
    reverse: Literal["optional", "required"] = "optional"
    """Whether every pending migration needs a way back, ``migrations/down/<version>_<name>.sql``."""


class Database(Section):
    """The project's schema, where it is deployed and where it is rehearsed."""

    project: Path = Path("supabase")
    """The folder with ``migrations/``, ``seed.sql``, ``config.toml`` and ``access.toml``."""
    live: Secret | None = None
    """DSN of the deployed database; inspected in read-only sessions."""
    scratch: Secret = Secret("container")
    """``container``, ``embedded``, or the DSN of a disposable server."""
    image: str = "supabase/postgres:17.6.1.054"
    """Image for ``scratch = "container"``; any Postgres image can be named."""
    upgrade: Upgrade = Upgrade()
    lints: Lints = Lints()


class Supabase(Section):
    """The Supabase API of the deployment."""

    url: Url
    """The API, ``https://<ref>.supabase.co``."""
    anon_key: Secret
    """The key that clients carry."""
    service_role_key: Secret
    """The key that servers carry and nobody else."""
    project_ref: str | None = None
    """The ``ref`` claim that both keys must carry; derived from ``*.supabase.co`` where absent."""
    functions: list[str] = Field(default_factory=list)
    """Edge functions that are deployed."""
    functions_url: Url | None = None
    """Where edge functions answer; default ``{url}/functions/v1``."""
    cron_secret: Secret | None = None
    """What ``cron/*`` functions demand of their caller."""
    allowed_origins: list[str] = Field(default_factory=list)
    """Origins that edge functions answer across sites; any other is refused."""
    cron_jobs: dict[str, str] = Field(default_factory=dict)
    """Job name to schedule, as ``cron.job`` must hold them."""
    private_buckets: list[str] = Field(default_factory=list)
    """Storage buckets that no stranger may list or read."""
    public_functions: list[str] = Field(default_factory=list)
    """Edge functions that answer without a key."""
    rpc_p95_ms: Milliseconds = 500.0
    """How long a call of ``match_chunks`` may take."""

    # Parts of a platform whose tables and functions are those of the reference project's migrations.
    embedding_queue: bool = False
    """``rpc_queue_embedding_job`` and ``rpc_prune_vectors`` on documents, chunks and embedding jobs."""
    vector_search: bool = False
    """``match_chunks`` on ``documents`` and ``chunks``."""
    model_releases: bool = False
    """``model_releases`` with slots, ``model_artifacts`` with their objects, ``rpc_flip_release``."""
    feature_flags: bool = False
    """``feature_flags``, read by every user, changed by the service."""
    metrics: bool = False
    """The edge functions ``ingest``, ``metrics`` and ``alerts``, and the jobs behind ``cron``."""
    """Storage buckets that no stranger may list or read."""


class Gateway(Section):
    """The HTTP gateway in front of the inference endpoints."""

    url: Url
    """Where it answers."""
    health: str = "/healthz"
    """Path of its health report, ``{"dependencies": {"supabase": "up", "instant": "up", …}}``: 200 or 503."""
    models: list[str] = Field(default_factory=list)
    """Models that it offers by name."""


class Ingestion(Section):
    """The service that turns files into searchable chunks.

    ``search`` takes ``POST {"query": …, "limit": …}`` and answers ``{"results": [{"title": …,
    "content": …, "similarity": …}]}``, best first. In Supabase a document is a row with ``title``,
    ``external_id`` and ``organization_id``, a chunk one with ``document_id``, ``organization_id``,
    ``content`` and ``embedding``.
    """

    webhook: Url
    """Where Google Drive sends its notifications."""
    search: Url
    """Where documents are found."""
    health: Url | None = None
    """Where it reports its health."""
    metrics: Url | None = None
    """Where it exports its metrics."""
    channel_id: str | None = None
    """A watch channel for the gate's own use: its message numbers are used up by the checks."""
    channel_token: Secret | None = None
    """What a notification must carry to be believed."""
    organization: UUID | None = None
    """Whose documents come by that channel."""
    drive_files: Url | None = None
    """Where the gate brings a document into the watched folder: ``PUT`` and ``DELETE {drive_files}/{id}``,
    content in the body, ``?name=`` its title."""
    search_token: Secret | None = None
    """Bearer token for ``search`` that finds documents of ``organization``."""
    searchable_within_s: Seconds = 30.0
    """Promised time from notification to search result."""
    documents: str = "documents"
    """Table of the exposed schema that holds a row for each ingested file."""
    chunks: str = "chunks"
    """Table of the exposed schema that holds what is searched."""
    largest_body: Annotated[int, Field(ge=1, le=16_777_216)] | None = None
    """Bytes; a notification with a larger body must be refused."""
    rate_limit: Annotated[int, Field(ge=1, le=500)] | None = None
    """Notifications in quick succession by one sender after which it must be told to wait."""
    moving_metrics: list[str] = Field(default_factory=list)
    """Prometheus samples that must rise when a document is ingested."""
    health_parts: list[str] = Field(default_factory=list)
    """Dependencies that ``health`` must name, each with how it is."""


class WebSelectors(Section):
    """CSS selectors of what the journeys use; the defaults suit an app that carries these test ids."""

    email: str = "[data-testid=email]"
    password: str = "[data-testid=password]"  # noqa: S105  a selector
    sign_in: str = "[data-testid=sign-in]"
    sign_in_error: str = "[data-testid=sign-in-error]"
    account: str = "[data-testid=account]"
    """Shown while somebody is signed in, and only then."""
    sign_out: str = "[data-testid=sign-out]"
    open_chat: str = "[data-testid=nav-chat]"
    question: str = "[data-testid=question]"
    send: str = "[data-testid=send]"
    answer: str = "[data-testid=answer]"
    open_search: str = "[data-testid=nav-search]"
    query: str = "[data-testid=query]"
    find: str = "[data-testid=find]"
    result: str = "[data-testid=results] > *"
    open_metrics: str = "[data-testid=nav-metrics]"
    metric: str = "[data-testid=metrics] > *"


class Web(Section):
    """The web app and a user of its own to sign in with."""

    url: Url
    """Where a browser opens it."""
    email: str | None = None
    """The user that signs in."""
    password: Secret | None = None
    """The user's password."""
    question: str = "Describe a lighthouse in three sentences."
    """What the chat journey asks; the answer must be long enough to be seen growing."""
    query: str | None = None
    """What the search journey looks for."""
    finds: str | None = None
    """Text that a result of that search must hold."""
    selectors: WebSelectors = WebSelectors()


class Load(Section):
    """The load that the deployment promises to carry."""

    profile: Literal["gate", "nightly", "soak"] = "gate"
    """How long and how hard: ``gate`` before a deploy, ``nightly`` and ``soak`` on a schedule."""
    p95_ms: Milliseconds
    """Promised response time, 95th percentile."""
    error_rate: Share
    """Promised share of failed requests, at most."""
    users: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Users at once."""
    duration_s: Seconds | None = None
    """Overrides the profile's own duration: 10 s for gate, 80 s for nightly, 50 min for soak."""
    reads: list[str] = Field(default_factory=list)
    """Data API queries that members send, as in ``documents?select=id,title&limit=20``."""
    functions: list[str] = Field(default_factory=list)
    """Edge functions that members call with GET, as in ``metrics?limit=50``."""
    question: str = "What does the travel policy say about trains?"
    """What members ask the chat and the search."""


class Recovery(Section):
    """What must be provable about getting back."""

    restore_within_s: Seconds = 300.0
    """Promised time to restore the database from a dump."""


class Budgets(Section):
    """How long a run may take before it is stopped; a stopped run is NO-GO."""

    check_s: Seconds = 120.0
    """For one attempt of a check."""
    stage_s: Seconds = 600.0
    """For a stage that has no budget of its own."""
    total_s: Seconds = 1800.0
    """For the whole run."""
    stages: dict[str, Seconds] = Field(default_factory=dict)
    """Stage name to its own budget."""


class Waiver(Section):
    """A reviewed exception: this check, this subject, this owner, until then."""

    check: str
    """Its id, as ``shipworthy checks`` prints it."""
    subject: str
    """The subject that the finding names."""
    owner: Annotated[str, Field(min_length=1)]
    """Who answers for it."""
    reason: Annotated[str, Field(min_length=8)]
    """Why it is right for now."""
    expires: dt.date
    """Its last day."""

    def live(self, today: dt.date) -> bool:
        """Tell whether the waiver still holds; its last day counts."""
        return today <= self.expires


class Retries(Section):
    """How many more attempts the checks of a stage get; flaky ones are reported as such."""

    stages: dict[str, Annotated[int, Field(ge=0, le=2)]] = Field(default_factory=dict)
    """Stage name to how many more attempts."""


class Target(Section):
    """One deployment: where its parts are, what they promise, what may be written there."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    """What the deployment is called, in reports and commands."""
    promotes_to: str | None = None
    """The environment that a GO here opens."""
    writes: Literal["none", "synthetic", "any"] = "none"
    """What the gate may write there; the HTTP client and the database sessions refuse the rest."""
    env_file: Path | None = None
    """Read for ``${NAME}``; the process environment comes first. Keep it out of version control."""
    reference: bool = False
    """The reference deployment: started for the run where it is not up already."""

    environment: Environment | None = None
    database: Database | None = None
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

    @property
    def addresses(self) -> list[str]:
        """Name the parts that say where something is deployed; none where nothing is yet."""
        parts = ("database.live", "supabase", "gateway", "inference", "ingestion", "web")
        return [part for part in parts if self.declares(part)]

    @property
    def values(self) -> list[str]:
        """Name the parts that hold values of this environment."""
        return self.addresses + (["environment.required"] if self.declares("environment.required") else [])

    def declares(self, part: str) -> bool:
        """Tell whether the target has this part; ``part`` is a dotted path, ``"inference.instant"``.

        What is false or an empty list has not been declared. ``*`` is any part of a section, and the
        name of a list's member is declared where the list holds it: ``"inference.*.offers.tools"``.
        """
        return _declared(self, part.split("."))


def _declared(here: object, steps: list[str]) -> bool:
    if here is None or here is False or (isinstance(here, (list, dict)) and not here):
        return False
    if not steps:
        return True
    name, rest = steps[0], steps[1:]
    if name == "*" and isinstance(here, Section):
        return any(_declared(value, rest) for _, value in here)
    if isinstance(here, list):
        return name in here and not rest
    return _declared(getattr(here, name, None), rest)
