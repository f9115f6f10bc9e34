"""Errors of calls that do not fit: unknown keywords, and replaced members that the kernels would ignore."""
