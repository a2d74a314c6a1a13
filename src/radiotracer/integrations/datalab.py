"""A scan as issues of cleanlab's Datalab, beside those that Datalab finds by itself."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from radiotracer.errors import DataError, InputError
from radiotracer.integrations.issue_table import ISSUE, about, issue_of, issue_table

if TYPE_CHECKING:
    from radiotracer.scanning import Scan


@functools.cache
def register_tampered_issues() -> type[Any]:
    """Teach Datalab the issue type ``"tampered"``; a second call changes nothing.

    Afterwards, with the examples that were scanned in their order as the data of `lab`::

        lab.find_issues(issue_types={"tampered": {"scan": "scan"}})

    takes the issues over from a `Scan` or the folder of one: `issue_table` says what the columns
    mean. The summary's score is the share of the examples that are not flagged. ``info`` holds
    ``given_label`` and ``predicted_label`` of each example, the ``detector``, its ``rule``, and
    what the score is (``tampered_score_is``).

    Datalab prints the errors of its issue managers and goes on without them: a scan that is damaged
    or of other data shows as "Failed to check for these issue types", and in no table.

    Returns:
        The class that Datalab makes, an `IssueManager`.

    Raises:
        InputError: cleanlab, or the package datasets that its Datalab needs, is not installed.
    """
    try:
        import cleanlab.datalab.datalab  # noqa: F401  (needs datasets, and fails without)
        from cleanlab.datalab.internal.issue_manager import IssueManager
        from cleanlab.datalab.internal.issue_manager_factory import register
    except ImportError as error:
        raise InputError(
            expected="cleanlab with its Datalab, to take the issues",
            came="an environment without it",
            do="run pip install 'radiotracer[cleanlab]'",
        ) from error
    import pandas as pd

    class TamperedIssueManager(IssueManager):  # type: ignore[misc]  # cleanlab has no types
        """Issues that a radiotracer scan found."""

        description = (
            "These examples were flagged by radiotracer: their label, or what they show, does not "
            "fit to what a recorded training or models that never saw them make of the others."
        )
        issue_name = ISSUE
        verbosity_levels = {  # noqa: RUF012  (declared so by the base class)
            0: ["detector", "rule"],
            1: ["tampered_score_is"],
            2: [],
            3: [],
        }

        def find_issues(self, scan: Scan | str | os.PathLike[str], **_: object) -> None:
            """Take the issues of a scan over."""
            table = issue_table(scan)
            _require_same(self.datalab, table)
            found = issue_of(table)
            flags = table[f"is_{found}_issue"].to_numpy()
            scores = table[f"{found}_score"].to_numpy()
            self.issues = pd.DataFrame({f"is_{ISSUE}_issue": flags, self.issue_score_key: scores})
            self.summary = self.make_summary(score=1.0 - float(flags.mean()))
            self.info = self.collect_info(table)

        def collect_info(self, table: pa.Table) -> dict[str, Any]:
            """What Datalab keeps beside the issues."""
            words = about(table)
            return {
                "given_label": table["given_label"].to_numpy(zero_copy_only=False),
                "predicted_label": table["predicted_label"].to_numpy(zero_copy_only=False),
                "detector": words["detector"],
                "rule": words["rule"],
                "tampered_score_is": words[f"{issue_of(table)}_score"],
            }

    registered: type[Any] = register(TamperedIssueManager)
    return registered


def _require_same(lab: Any, table: pa.Table) -> None:
    """Raise `DataError` unless these can be the examples that were scanned, in their order.

    Labels that are equal here must be equal there; names are not compared: Datalab numbers them.
    """
    if len(lab.data) != len(table):
        raise DataError(
            expected=f"the {len(table)} examples that were scanned",
            came=f"{len(lab.data)} in the Datalab",
            do="give Datalab what was scanned, in the same order",
        )
    if not lab.has_labels:
        return
    here = np.unique(np.asarray(lab.labels), return_inverse=True)[1]
    there = np.unique(table["given_label"].to_numpy(zero_copy_only=False), return_inverse=True)[1]
    pairs = len(np.unique(np.stack([here, there], axis=1), axis=0))
    if not pairs == here.max() + 1 == there.max() + 1:
        raise DataError(
            expected="the labels that were scanned, in the same order",
            came="others in the Datalab",
            do="give Datalab what was scanned, or scan again",
        )
