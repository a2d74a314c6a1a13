"""The interval of the share of wrong labels, where the likelihood has two minima."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from radiotracer.opinions.noise import fit_noise


def test_a_second_minimum_does_not_end_in_an_error() -> None:
    """40 draws of 120 examples, two classes, opinions that are sure: some have two minima."""
    for seed in range(100, 140):
        random = np.random.default_rng(seed)
        z = 8.0 * random.normal(size=120)
        labels = (random.uniform(size=120) < 0.9 * expit(z) + 0.05).astype(np.int64)
        fitted = fit_noise(np.stack([-np.logaddexp(0, z), -np.logaddexp(0, -z)], axis=1), labels)
        assert 0.0 <= fitted.low <= fitted.share <= fitted.high < 1.0
