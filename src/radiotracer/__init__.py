"""Find tampered training examples, and tell whether a model was trained on marked data.

Importing this package imports no torch: every public name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radiotracer.checking import check as check
    from radiotracer.data import Dataset as Dataset
    from radiotracer.data import open_data as open_data
    from radiotracer.detectors import Reference as Reference
    from radiotracer.detectors import Rule as Rule
    from radiotracer.errors import DataError as DataError
    from radiotracer.errors import InputError as InputError
    from radiotracer.errors import NotFiniteError as NotFiniteError
    from radiotracer.errors import RadiotracerError as RadiotracerError
    from radiotracer.errors import RunError as RunError
    from radiotracer.errors import StorageError as StorageError
    from radiotracer.explaining import Explanation as Explanation
    from radiotracer.explaining import explain as explain
    from radiotracer.influence import Tracer as Tracer
    from radiotracer.present.explanation_files import write_explanation as write_explanation
    from radiotracer.provenance import Key as Key
    from radiotracer.provenance.audit import audit as audit
    from radiotracer.provenance.evidence import Evidence as Evidence
    from radiotracer.provenance.finding import Finding as Finding
    from radiotracer.provenance.marking import choose as choose
    from radiotracer.provenance.marking import mark as mark
    from radiotracer.provenance.models import open_suspect as open_suspect
    from radiotracer.provenance.release import Release as Release
    from radiotracer.provenance.run_audit import run_audit as run_audit
    from radiotracer.provenance.verify import verify as verify
    from radiotracer.recipes import Manifest as Manifest
    from radiotracer.recipes import random_flip as random_flip
    from radiotracer.recipes import targeted_flip as targeted_flip
    from radiotracer.runs import Recording as Recording
    from radiotracer.runs import Run as Run
    from radiotracer.runs import record as record
    from radiotracer.scanning import Scan as Scan
    from radiotracer.scanning import write_scan as write_scan
    from radiotracer.scanning.scan import scan as scan
    from radiotracer.targets import check_multilabel as check_multilabel
    from radiotracer.targets import check_regression as check_regression

_HOMES = {
    "DataError": "errors",
    "Dataset": "data",
    "Evidence": "provenance.evidence",
    "Explanation": "explaining",
    "Finding": "provenance.finding",
    "InputError": "errors",
    "Key": "provenance",
    "Manifest": "recipes",
    "NotFiniteError": "errors",
    "RadiotracerError": "errors",
    "Recording": "runs",
    "Reference": "detectors",
    "Release": "provenance.release",
    "Rule": "detectors",
    "Run": "runs",
    "RunError": "errors",
    "Scan": "scanning",
    "StorageError": "errors",
    "Tracer": "influence",
    "audit": "provenance.audit",
    "check": "checking",
    "check_multilabel": "targets",
    "check_regression": "targets",
    "choose": "provenance.marking",
    "explain": "explaining",
    "mark": "provenance.marking",
    "open_data": "data",
    "open_suspect": "provenance.models",
    "random_flip": "recipes",
    "record": "runs",
    "run_audit": "provenance.run_audit",
    "scan": "scanning",
    "targeted_flip": "recipes",
    "verify": "provenance.verify",
    "write_explanation": "present.explanation_files",
    "write_scan": "scanning",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name from its home, once."""
    if name == "__version__":
        # Not at import: reading the package's metadata would slow down `--help`.
        from importlib.metadata import version

        return version("radiotracer")
    if name not in _HOMES:
        raise AttributeError(f"module 'radiotracer' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"radiotracer.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return __all__
