"""``radiotracer power``: would a network that is trained on the marked data be found?"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.console import emit, err, out, progress, settings
from radiotracer.cli.key import read_key
from radiotracer.cli.options import HeldOut, Json, KeyFile, Marked, Seed
from radiotracer.cli.recorded import held_out_of
from radiotracer.files import write_text
from radiotracer.provenance.known_positive import POWER_FILE
from radiotracer.provenance.release import Release
from radiotracer.provenance.trial import power_of
from radiotracer.training.augment import Variation
from radiotracer.training.config import Architecture
from radiotracer.training.loop import TrainConfig


def power(
    marked: Marked,
    /,
    *,
    key: KeyFile,
    model: Annotated[
        Architecture, Parameter(help="The network to train.", show_choices=False)
    ] = "resnet18",
    width: Annotated[
        int | None, Parameter(help="Channels of its first stage; by default its own.")
    ] = None,
    epochs: Annotated[int, Parameter(help="Passes over the data.")] = 20,
    batch_size: Annotated[int, Parameter(help="Examples per step.")] = 128,
    learning_rate: Annotated[float, Parameter(help="The peak of the schedule.")] = 0.1,
    augment: Annotated[Variation, Parameter(help="How it varies the images.")] = "none",
    held_out: HeldOut = None,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    secret = read_key(key)
    release = Release.read(marked)
    training = settings(
        TrainConfig,
        model=model,
        width=width,
        epochs=epochs,
        checkpoint_every=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        augment=augment,
        seed=seed,
    )
    unmarked = held_out_of(release, held_out)
    images = None if unmarked is None else unmarked.content
    with progress() as reporter:
        found = power_of(release, secret, training, held_out=images, progress=reporter)
    write_text(marked / POWER_FILE, found.model_dump_json(indent=2) + "\n")
    if json:
        emit(found.model_dump(mode="json"))
        return 0
    out.print(f"a network trained on the release, {found.share:.2%} of it marked:")
    for access, log10_p in found.log10_p.items():
        smallest = found.smallest_share[access]
        about = "nothing found"
        if smallest is not None:
            about = f"smallest share about {smallest:.2%}"
        elif 10**log10_p <= found.alpha:
            about = "found, and no telling what less would do"
        out.print(f"  by {access:<8} p = 10^{log10_p:.1f}   {about} at level {found.alpha:g}")
    if found.weak:
        err.print(
            "warning: not found. Mark more images or larger changes before you publish: a model "
            "that trains like this one will not be found either"
        )
    return 0
