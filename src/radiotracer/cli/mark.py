"""``radiotracer mark``: mark a share of a data set, so that training on it can be proved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from torch import nn

from radiotracer.cli.console import emit, err, out, progress, settings, tell_left_out
from radiotracer.cli.executing import kept_units
from radiotracer.cli.key import read_key
from radiotracer.cli.mark_floor import require_power, require_tags, smallest_log10_p
from radiotracer.cli.options import Data, Factory, ImageSize, Json, KeyFile, Out, Overwrite
from radiotracer.cli.recorded import network_of
from radiotracer.data import Dataset, open_data
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder, require_new_folder
from radiotracer.provenance.choosing import (
    Policy,
    choose,
    require_outputs,
    require_share,
)
from radiotracer.provenance.designs import CONFIGS
from radiotracer.provenance.designs import mark as mark_and_commit
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.protocol import Design
from radiotracer.provenance.release import COMMITMENT_FILE, PUBLISHED, Release
from radiotracer.provenance.tag_mark import TagConfig, classes_taught, share_taught
from radiotracer.runs import Run, put_weights

_CHOICES = {
    "twins": "one fair coin for each marked image",
    "tags": "each tag has a label that the key drew from all classes",
}
"""What limits a p-value, by design."""

_COLOURS: dict[object, str] = {1: "grey", 3: "colour"}


def mark(
    data: Data,
    /,
    *,
    key: KeyFile,
    extractor: Annotated[
        list[Path],
        Parameter(
            negative="",
            help="A recorded run of a network to mark with, trained on such data; may be given "
            "more than once.",
        ),
    ],
    folder: Annotated[Out, Parameter(name="--out")],
    design: Annotated[Design, Parameter(help="What to plant.")] = "twins",
    fraction: Annotated[
        float,
        Parameter(
            help="Share of the images to mark, in (0, 1); carriers: of every class alike; tags: of "
            "the classes of their labels."
        ),
    ] = 0.01,
    policy: Annotated[
        Policy,
        Parameter(
            name="--choose",
            help="Which images: those that the extractors find hardest, those with the largest "
            "self-influence, or any, as the key decides.",
        ),
    ] = "hardest",
    radius: Annotated[
        int | None,
        Parameter(
            help="How many of 255 grey levels a pixel may change by; by default the design's own."
        ),
    ] = None,
    psnr: Annotated[
        float | None,
        Parameter(
            help="The lowest PSNR of a twin in decibels: the changes that matter least are taken "
            "back until it is kept. By default the radius is the only limit."
        ),
    ] = None,
    tags: Annotated[
        int | None, Parameter(help="How many tags; by default the design's own.")
    ] = None,
    alpha: Annotated[
        float, Parameter(help="How often audits may accuse an innocent model, in (0, 1).")
    ] = 0.01,
    factory: Factory = None,
    image_size: ImageSize = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    require_share(fraction)
    if not 0.0 < alpha < 1.0:
        raise InputError(
            expected="--alpha in (0, 1)", came=f"{alpha:g}", do="pass, say, --alpha 0.01"
        )
    if design == "carriers" and (len(extractor) > 1 or factory is not None):
        raise InputError(
            expected="one --extractor of a reference network for carriers: audits build it again",
            came=f"{len(extractor)} of them" if factory is None else f"--factory {factory}",
            do="pass the first alone" if factory is None else "pass a run of `radiotracer train`",
        )
    if psnr is not None and design != "twins":
        raise InputError(
            expected="--psnr with twins alone",
            came=f"--design {design}",
            do="leave it out; a smaller --radius changes less",
        )
    if tags is not None and design != "tags":
        raise InputError(
            expected="--tags with --design tags alone",
            came=f"--design {design}",
            do="leave it out, or plant tags",
        )
    given = {"radius": radius, "psnr": psnr, "tags": tags}
    config = settings(CONFIGS[design], **{k: v for k, v in given.items() if v is not None})
    source = data if Path(data).exists() else data.removesuffix(":train").removesuffix(":test")
    _require_apart(folder, {"the key file": key, "DATA": Path(source)}, extractor)
    require_new_folder(folder, marker=COMMITMENT_FILE, overwrite=overwrite)
    secret = read_key(key)
    runs = [Run.open(each) for each in extractor]
    examples = open_data(data, image_size=image_size, report=err.print)
    tell_left_out(examples)
    per_class = design != "twins"  # carriers are tested, tags taught, class by class
    classes = None
    if design == "twins":
        require_power(examples, fraction, alpha, per_class=per_class)
    elif isinstance(config, TagConfig):
        require_tags(config.tags, len(examples.class_names), alpha)
        classes = classes_taught(secret, config, examples)
        fraction = share_taught(examples, classes, fraction)
    models = [_network(run, factory, examples) for run in runs]
    if policy != "random":
        _tell_other_data(runs, examples, policy)
    with kept_units(folder, overwrite=overwrite, name="marking") as ledger:
        with progress() as reporter:
            rows = choose(
                examples,
                fraction,
                policy,
                secret,
                models=models,
                classes=classes,
                per_class=per_class,
                progress=reporter,
            )
            release = mark_and_commit(
                examples,
                rows,
                secret,
                models,
                config,
                spec=runs[0].info.model,
                alpha=alpha,
                kept=Kept(ledger, err.print),
                progress=reporter,
            )
        with atomic_folder(folder, marker=COMMITMENT_FILE, overwrite=overwrite) as temporary:
            release.write(temporary)
    facts = _facts(release)
    if json:
        emit({**facts, "key": secret.fingerprint, "out": str(folder)})
    else:
        _tell(facts, folder, key)
    return 0


def _require_apart(folder: Path, others: dict[str, Path], extractors: list[Path]) -> None:
    """Nothing that is needed may lie in OUT, nor OUT in what is published."""
    place = folder.resolve()
    around = next((each for each in place.parents if (each / COMMITMENT_FILE).is_file()), None)
    if around is not None:
        raise InputError(
            expected="--out outside of other marked data",
            came=f"{folder}, which lies in {around}",
            do="choose another --out",
        )
    for what, path in [*others.items(), *(("an extractor", each) for each in extractors)]:
        if path.exists() and path.resolve().is_relative_to(place):
            raise InputError(
                expected=f"--out without {what} in it",
                came=f"{path} in {folder}",
                do="choose another --out: it is published in part, and may be replaced",
            )


def _network(run: Run, factory: str | None, examples: Dataset) -> nn.Module:
    """The run's network with its last weights, if it is one for such data."""
    names, given = run.info.data.class_names, examples.content.shape[3]
    channels = run.info.model.options.get("channels", given)
    if names not in (None, examples.class_names) or channels != given:
        raise InputError(
            expected=f"an extractor for {_COLOURS[given]} images of "
            f"{_listed(examples.class_names)}",
            came=f"{run.folder}, for {_COLOURS.get(channels, 'other')} images of "
            f"{_listed(names or ())}",
            do="train one on such data with `radiotracer train`",
        )
    model = network_of(run, factory)
    put_weights(model, run.weights(run.checkpoints[-1]))
    require_outputs(model, examples)
    return model.eval()


def _tell_other_data(runs: list[Run], examples: Dataset, policy: Policy) -> None:
    for run in runs:
        if run.info.data.digest != examples.digest:
            err.print(
                f"{run.folder} was not trained on these data: --choose {policy} goes by what is "
                "so to a network that has not seen them"
            )


def _facts(release: Release) -> dict[str, Any]:
    """What came out, in numbers; None where no image was changed."""
    columns, protocol = release.planted.columns, release.protocol
    psnr = columns["psnr"][np.isfinite(columns["psnr"])]
    return {
        "design": protocol.design,
        "marked": protocol.marked,
        "examples": protocol.examples,
        "share": protocol.share,
        "psnr": float(psnr.mean()) if len(psnr) else None,
        "psnr_lowest": float(psnr.min()) if len(psnr) else None,
        "max_difference": int(columns["max_difference"].max()),
        "alpha": protocol.alpha,
        "smallest_log10_p": smallest_log10_p(release),
        "commitment": release.commitment.digest,
    }


def _tell(facts: dict[str, Any], folder: Path, key: Path) -> None:
    quality = "no pixel changed"
    if facts["psnr"] is not None:
        quality = (
            f"PSNR {facts['psnr']:.1f} dB (lowest {facts['psnr_lowest']:.1f}), largest change "
            f"{facts['max_difference']} of 255"
        )
    out.print(
        f"{facts['marked']:,} of {facts['examples']:,} images marked ({facts['share']:.2%}), "
        f"{quality}"
    )
    if facts["smallest_log10_p"] is not None:
        out.print(
            f"no audit can show less than p = 10^{facts['smallest_log10_p']:.1f}: "
            + _CHOICES[facts["design"]]
        )
    published = folder / PUBLISHED
    out.print(f"written to {folder}: publish {published} and nothing else of it")
    out.print(
        f"commitment {facts['commitment']}: have it time-stamped before you publish {published}"
    )
    out.print(f"before that: radiotracer power {folder} --key {key}")
    out.print(f"next: radiotracer train {published} --out run")
    out.print(f"and, of a suspect: radiotracer audit SUSPECT --key {key} --marked {folder}")


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:5])}{', …' * (len(names) > 5)}" or "unknown classes"
