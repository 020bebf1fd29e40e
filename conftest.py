"""Names the fixture plugins; nothing else."""

pytest_plugins = [
    "fixtures.access",
    "fixtures.browser",
    "fixtures.clients",
    "fixtures.database",
    "fixtures.endpoints",
    "fixtures.functions",
    "fixtures.gateway",
    "fixtures.inference",
    "fixtures.ingestion",
    "fixtures.live",
    "fixtures.load",
    "fixtures.project",
    "fixtures.recovery",
    "fixtures.supabase_api",
]
