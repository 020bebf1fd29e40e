"""Names the fixture plugins; nothing else."""

pytest_plugins = [
    "fixtures.access",
    "fixtures.browser",
    "fixtures.clients",
    "fixtures.contract",
    "fixtures.database",
    "fixtures.endpoints",
    "fixtures.exposure",
    "fixtures.functions",
    "fixtures.gateway",
    "fixtures.inference",
    "fixtures.inference_regression",
    "fixtures.ingestion",
    "fixtures.lints",
    "fixtures.live",
    "fixtures.load",
    "fixtures.project",
    "fixtures.recovery",
    "fixtures.supabase_api",
    "fixtures.upgrade",
    "fixtures.worlds",
]
