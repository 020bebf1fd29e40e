"""Names the fixture plugins; nothing else."""

pytest_plugins = ["fixtures.clients"]
