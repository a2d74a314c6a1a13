"""The networks that a command marks with: as many as the design needs, and for such data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.cli.console import err
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.provenance.design import Design
    from radiotracer.runs import Run


def require_extractors(design: Design[Any], extractors: list[Path], factory: str | None) -> None:
    """Raise `InputError` unless there are as many networks as the design marks with."""
    if design.networks == "none" and (extractors or factory is not None):
        raise InputError(
            expected=f"no extractor=: {design.name} are planted without a network",
            came=str(extractors[0]) if extractors else f"factory={factory}",
            do="leave it out",
        )
    if design.networks not in {"none", "any"} and not extractors:
        raise InputError(
            expected=f"a network to mark with by {design.name}",
            came="none",
            do="pass a run of `radiotracer train` on such data (extractor=)",
        )
    if design.networks == "one" and (len(extractors) > 1 or factory is not None):
        raise InputError(
            expected=f"one extractor= of a reference network for {design.name}: audits build it "
            "again",
            came=f"{len(extractors)} of them" if factory is None else f"factory={factory}",
            do="pass the first alone" if factory is None else "pass a run of `radiotracer train`",
        )


def network_for(run: Run, factory: str | None, examples: Dataset) -> nn.Module:
    """The run's network with its last weights, if it is one for such data."""
    from radiotracer.cli.recorded import network_of
    from radiotracer.provenance.choosing import require_outputs
    from radiotracer.runs import put_weights
    from radiotracer.training.making import sizes

    names, options = run.info.data.class_names, run.info.model.options
    shape = sizes(run.info.model.name, examples, None)
    other = [name for name in shape if options.get(name, shape[name]) != shape[name]]
    if names not in (None, examples.class_names) or other:
        name = examples.modality.name
        raise InputError(
            expected=f"an extractor for {name} of {_listed(examples.class_names)}"
            + "".join(f", {each} {shape[each]}" for each in other),
            came=f"{run.folder}, for {name} of {_listed(names or ())}"
            + "".join(f", {each} {options[each]}" for each in other),
            do="train one on such data with `radiotracer train`",
        )
    model = network_of(run, factory)
    put_weights(model, run.weights(run.checkpoints[-1]))
    require_outputs(model, examples)
    return model.eval()


def tell_other_data(runs: list[Run], examples: Dataset, policy: str) -> None:
    """Say it where a network goes by what it has not seen."""
    for run in runs:
        if run.info.data.digest != examples.digest:
            err.print(
                f"{run.folder} was not trained on these data: --choose {policy} goes by what is "
                "so to a network that has not seen them"
            )


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:5])}{', …' * (len(names) > 5)}" or "unknown classes"
