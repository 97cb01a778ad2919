"""Speed, measured by anyone: ``python -m benchmarks.field``."""
