"""Findings to draw: realistic ones, and the page made of them."""

from __future__ import annotations

import pytest
from report_sample import drawn_digits, findings

from radiotracer.present import Findings, render


@pytest.fixture(scope="session")
def full() -> Findings:
    """Manifest, queries, opponents, seven detectors: everything a report can show."""
    return findings(*drawn_digits(2000))


@pytest.fixture(scope="session")
def page(full: Findings) -> str:
    return render(full)
