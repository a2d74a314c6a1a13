"""Every parser that is fuzzed, by name."""

from __future__ import annotations

import audit_targets
import data_targets
import evidence_targets
import training_targets
from target import Target

TARGETS: dict[str, Target] = {
    each.name: each
    for family in (data_targets, training_targets, audit_targets, evidence_targets)
    for each in family.TARGETS
}
