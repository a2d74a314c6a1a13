"""``radiotracer tamper``: change a data set by a recipe, and write down what was done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out
from radiotracer.cli.options import Data, Factory, ImageSize, Json, Out, Overwrite, Seed
from radiotracer.cli.tampering import RecipeName, Wanted, apply, require_fitting
from radiotracer.data import open_data, save_examples
from radiotracer.files import atomic_folder
from radiotracer.recipes import MANIFEST_FILE


@command("tamper")
def tamper(
    data: Data,
    /,
    *,
    recipe: Annotated[RecipeName, Parameter(help="How to tamper; see docs/how-to/tamper.md.")],
    folder: Annotated[Out, Parameter(name="--out")],
    fraction: Annotated[
        float | None,
        Parameter(
            help="Flips and backdoors: share to change, in (0, 1): of all examples; with "
            "targeted-flip of the --from-class; with clean-label-backdoor of the --to-class; "
            "with patch-backdoor of the other classes."
        ),
    ] = None,
    seed: Seed = 0,
    from_class: Annotated[
        str | None, Parameter(help="targeted-flip: name of the class whose labels change.")
    ] = None,
    to_class: Annotated[
        str | None,
        Parameter(
            help="targeted-flip, backdoors: name of the class that labels change to, or that the "
            "patch stands for."
        ),
    ] = None,
    target: Annotated[
        str | None,
        Parameter(help="Poison with a target: the image to misclassify, such as mnist:test#5."),
    ] = None,
    base_class: Annotated[
        str | None,
        Parameter(help="Poison with a target: what it is to be taken for; its images change."),
    ] = None,
    count: Annotated[
        int | None, Parameter(help="Poison with a target: how many images to change.")
    ] = None,
    epsilon: Annotated[
        float | None,
        Parameter(help="Largest change of a pixel, in (0, 1]; by default the recipe's own."),
    ] = None,
    layers: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="gradient-matching: patterns of the parameters that the victim will train, such "
            "as 'head.*' (where it is trained with --head-only); by default all.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        Parameter(help="A recorded run: the network that the attacker knows, or that confuses."),
    ] = None,
    factory: Factory = None,
    image_size: ImageSize = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Tamper with a data set by a recipe, and write down what was done.

    The new folder holds the tampered data, which every command takes as DATA, and manifest.parquet
    (id, original_label, label, recipe, is_tampered). A flipped label is always another one.

    Example: radiotracer tamper mnist --recipe targeted-flip --from-class 3 --to-class 9 --fraction
    0.1 --out tampered
    """
    wanted = Wanted(
        recipe=recipe,
        seed=seed,
        fraction=fraction,
        from_class=from_class,
        to_class=to_class,
        target=target,
        base_class=base_class,
        count=count,
        epsilon=epsilon,
        layers=layers,
        run=run,
        factory=factory,
    )
    require_fitting(wanted)
    examples = open_data(data, image_size=image_size, report=err.print)
    tampered = apply(wanted, examples)
    settings = {"source": examples.source, "source_digest": examples.digest, **wanted.settings()}
    with atomic_folder(folder, marker=MANIFEST_FILE, overwrite=overwrite) as temporary:
        save_examples(tampered.examples, temporary, provenance=settings)
        tampered.manifest.write(temporary)
        if tampered.attack is not None:
            tampered.attack.write(temporary)
    changed = int(tampered.manifest.is_tampered.sum())
    facts: dict[str, Any] = {"examples": len(examples), "tampered": changed, "out": str(folder)}
    if tampered.tried is not None:
        facts |= {"tried": tampered.tried, "reached": changed}
    if json:
        emit({**facts, **settings})
        return 0
    kind = "images" if (tampered.manifest.labels == examples.labels).all() else "labels"
    out.print(f"{changed:,} of {len(examples):,} {kind} changed; written to {folder}")
    if tampered.tried not in (None, changed):
        out.print(f"{changed} of {tampered.tried} poisons reached their aim, the rest is unchanged")
    start = f" --start {run} --head-only" if tampered.transfers else ""
    out.print(f"next: radiotracer train {folder}{start} --out run")
    return 0
