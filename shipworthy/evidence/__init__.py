"""The run's folder: written, redacted, rendered, sealed."""
