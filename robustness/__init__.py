"""Attempts to break fastmlp: fuzzers, kills, soaks, sanitizers, mutants. docs/robustness.md shows what they found."""
