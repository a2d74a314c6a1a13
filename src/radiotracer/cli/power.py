"""``radiotracer power``: would a network that is trained on the marked data be found?"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, progress, settings
from radiotracer.cli.key import read_key
from radiotracer.cli.options import HeldOut, Json, KeyFile, Marked, Seed
from radiotracer.files import write_text


@command("power")
def power(
    marked: Marked,
    /,
    *,
    key: KeyFile,
    architecture: Annotated[
        str | None,
        Parameter(help="The network to train; by default that of its kind of examples."),
    ] = None,
    width: Annotated[
        int | None, Parameter(help="Of the network, such as channels; by default its own.")
    ] = None,
    epochs: Annotated[int, Parameter(help="Passes over the data.")] = 20,
    batch_size: Annotated[
        int | None, Parameter(help="Examples per step; by default the network's own.")
    ] = None,
    learning_rate: Annotated[
        float | None, Parameter(help="The peak of the schedule; by default the network's own.")
    ] = None,
    augment: Annotated[
        Literal["none", "crops", "crops-and-flips"], Parameter(help="How it varies images.")
    ] = "none",
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
    from radiotracer.training.config import TrainConfig
    from radiotracer.training.network import default_network

    opened = open_marked(marked, read_key(key))
    sizes = {"width": width, "batch_size": batch_size, "learning_rate": learning_rate}
    training = settings(
        TrainConfig,
        architecture=architecture or default_network(opened.release.published).name,
        epochs=epochs,
        checkpoint_every=epochs,
        augment=augment,
        seed=seed,
        **{name: value for name, value in sizes.items() if value is not None},
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
            "warning: not found. Mark more examples, or change them more, before you publish: a "
            "model that trains like this one will not be found either"
        )
    return 0
