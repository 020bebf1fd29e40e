"""Which planted fault is seen by which tool: ``python -m docs.detection`` writes docs/detection.md."""
