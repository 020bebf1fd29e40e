"""What the gate costs: the figures of docs/benchmarks.md, made by ``tox -e bench``."""
