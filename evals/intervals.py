"""Numbers with their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agentkit.contracts.evaluation import Metric

Z = 1.959964


def proportion(right: int, total: int) -> Metric:
    """Return a share with Wilson's score interval (good for small totals and for shares near 0 and 1)."""
    if total == 0:
        return Metric(mean=0.0, low=0.0, high=1.0, n=0)
    share = right / total
    middle = share + Z * Z / (2 * total)
    spread = Z * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    scale = 1 + Z * Z / total
    low, high = max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)
    return Metric(mean=share, low=min(low, share), high=max(high, share), n=total)


def average(values: Sequence[float], *, seed: int = 0, resamples: int = 2000) -> Metric:
    """Return a mean with its bootstrap percentile interval; ``seed`` makes it repeatable."""
    if not values:
        return Metric(mean=0.0, low=0.0, high=0.0, n=0)
    sample = np.asarray(values, dtype=float)
    picks = np.random.default_rng(seed).integers(0, len(sample), (resamples, len(sample)))
    low, high = np.percentile(sample[picks].mean(axis=1), [2.5, 97.5])
    return Metric(mean=float(sample.mean()), low=float(low), high=float(high), n=len(sample))


def paired_difference(after: Sequence[float], before: Sequence[float], *, seed: int = 0) -> Metric:
    """Return the mean of ``after - before`` over the same items, with its interval."""
    return average([a - b for a, b in zip(after, before, strict=True)], seed=seed)


def paired_ratio(
    after: Sequence[float], before: Sequence[float], *, seed: int = 0, resamples: int = 2000
) -> Metric:
    """Return the ratio of two sums over the same items, with its bootstrap interval (items are resampled whole).

    All is 0 where ``before`` sums to nought; a resample in which it does tells nothing and is left out.
    """
    pairs = np.array(list(zip(after, before, strict=True)), dtype=float).reshape(-1, 2)
    total = pairs.sum(axis=0)
    if total.size == 0 or total[1] == 0:
        return Metric(mean=0.0, low=0.0, high=0.0, n=len(pairs))
    picks = np.random.default_rng(seed).integers(0, len(pairs), (resamples, len(pairs)))
    sums = pairs[picks].sum(axis=1)
    sums = sums[sums[:, 1] != 0]
    low, high = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return Metric(mean=float(total[0] / total[1]), low=float(low), high=float(high), n=len(pairs))


def median(values: Sequence[float], *, seed: int = 0, resamples: int = 2000) -> Metric:
    """Return a median (as ``mean``) with its bootstrap percentile interval: for times, whose tails are long."""
    sample = np.asarray(values, dtype=float)
    picks = np.random.default_rng(seed).integers(0, len(sample), (resamples, len(sample)))
    low, high = np.percentile(np.median(sample[picks], axis=1), [2.5, 97.5])
    return Metric(mean=float(np.median(sample)), low=float(low), high=float(high), n=len(sample))
