"""The first step of marking: everything is fixed and written, before a coin is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.cli.console import err, progress

if TYPE_CHECKING:
    from pydantic import BaseModel
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.provenance.choosing import Policy
    from radiotracer.provenance.design import Candidates
    from radiotracer.provenance.key import Key
    from radiotracer.provenance.prepared import Prepared
    from radiotracer.provenance.release import Release
    from radiotracer.runs import ModelSpec


def first_step(  # noqa: PLR0917 - all that is marked
    folder: Path,
    key: Key,
    examples: Dataset,
    candidates: Candidates,
    policy: Policy,
    models: list[nn.Module],
    settings: BaseModel,
    *,
    spec: ModelSpec | None,
    fixed: Mapping[str, Any],
    is_prepared: bool,
    overwrite: bool,
) -> Prepared | Release:
    """Choose the examples, and prepare them; where the owner draws, release them, too.

    Args:
        folder: Where to write it, or where it was prepared before.
        key: The secret.
        examples: All of them.
        candidates: Which may be marked.
        policy: Which of these are.
        models: The marking networks.
        settings: Those of the design.
        spec: What network the first of these is.
        fixed: What else `prepare` fixes.
        is_prepared: Whether it was prepared before: then it has to be what this would be.
        overwrite: Replace what is there.

    Raises:
        InputError: It was prepared otherwise, or cannot be marked so.
        StorageError: The disk refused.
    """
    from radiotracer.cli.executing import kept_units
    from radiotracer.provenance.announcing import announced
    from radiotracer.provenance.choosing import choose_rows
    from radiotracer.provenance.kept import Kept
    from radiotracer.provenance.marking import prepare, publish
    from radiotracer.provenance.prepared import Prepared
    from radiotracer.provenance.strengths.owner import owners

    with kept_units(folder, overwrite=overwrite, name="marking") as ledger, progress() as reporter:
        rows = choose_rows(examples, candidates, policy, key, models=models, progress=reporter)
        if is_prepared:
            held = Prepared.read(folder)
            sealed = None if held.laid.extractor is None else spec
            held.require_made_of(
                announced(examples, rows, models, settings, spec=sealed, **fixed), rows, key
            )
            err.print(f"it is prepared in {folder}, and goes on there")
            return held
        kept = Kept(ledger, err.print)
        prepared = prepare(
            examples, rows, key, models, settings, spec=spec, kept=kept, progress=reporter, **fixed
        )
        if fixed["coins"] != "owner":
            prepared.write(folder, overwrite=overwrite)
            return prepared
        release = publish(prepared, key, owners(key), models, kept=kept, progress=reporter)
        release.write(folder, overwrite=overwrite)
        return release
