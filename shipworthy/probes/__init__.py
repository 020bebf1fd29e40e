"""Probes observe a deployment and return facts; they never assert, skip, print or read the environment."""
