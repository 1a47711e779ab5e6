"""Figures of the library beside its peers, all of one run: ``python -m benchmarks``; see docs/performance.md."""
