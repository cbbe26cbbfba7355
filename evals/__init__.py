"""Evaluations: benchmarks, runners, intervals, the scene generator, and the training of mini."""
