"""``radiotracer power``: would a network that is trained on the marked data be found?"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.console import emit, err, out, progress, settings
from radiotracer.cli.key import read_key
from radiotracer.cli.options import HeldOut, Json, KeyFile, Marked, Seed
from radiotracer.files import write_text
from radiotracer.training.augment import Variation
from radiotracer.training.networks import ModelName


def power(
    marked: Marked,
    /,
    *,
    key: KeyFile,
    architecture: Annotated[
        ModelName, Parameter(help="The network to train.", show_choices=False)
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
    """Before you publish: train a network on the marked data, and see whether it is found.

    Train it as those may do whom you will audit. Tells log10 p for each access and about which
    share would just have been enough; a warning where nothing was found.

    Example: radiotracer power marked --key my.key --width 16 --epochs 20
    """
    from radiotracer.provenance.held_out import held_out_for
    from radiotracer.provenance.known_positive import POWER_FILE
    from radiotracer.provenance.release import open_marked
    from radiotracer.provenance.trial import power_of
    from radiotracer.training.loop import TrainConfig

    opened = open_marked(marked, read_key(key))
    training = settings(
        TrainConfig,
        model=architecture,
        width=width,
        epochs=epochs,
        checkpoint_every=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        augment=augment,
        seed=seed,
    )
    unmarked = held_out_for(opened.release, held_out)
    with progress() as reporter:
        found = power_of(opened, training, held_out=unmarked, progress=reporter)
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
