"""Measurements of tfc beside its peers; `make bench-step` is the first."""
