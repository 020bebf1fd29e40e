"""The load that users make, for Locust; runs in a process of its own."""
