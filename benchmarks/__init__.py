"""Measurements of tfc beside its peers: `python -m benchmarks --help`."""
