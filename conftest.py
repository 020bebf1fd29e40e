"""Names the fixture plugins; nothing else."""

pytest_plugins = [
    "fixtures.clients",
    "fixtures.endpoints",
    "fixtures.gateway",
    "fixtures.inference",
    "fixtures.ingestion",
    "fixtures.live",
    "fixtures.load",
    "fixtures.project",
]
