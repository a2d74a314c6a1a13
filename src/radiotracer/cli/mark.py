"""``radiotracer mark``: mark a share of a data set, so that training on it can be proved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import err, progress, tell_data
from radiotracer.cli.design_options import settings_from, with_design_options
from radiotracer.cli.key import read_key
from radiotracer.cli.options import (
    DEFAULT_READING,
    Data,
    Factory,
    Json,
    KeyFile,
    Out,
    Overwrite,
    ReadingOptions,
)
from radiotracer.cli.released import tell
from radiotracer.errors import InputError
from radiotracer.files import require_new_folder
from radiotracer.provenance.designs import DESIGNS

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.provenance.design import Design
    from radiotracer.runs import Run

StrengthName = Literal["beacon", "witness", "owner"]
PolicyName = Literal["hardest", "random", "self-influence"]
# As in `radiotracer.provenance`, which a command's help is not to import.


@command("mark")
def mark(
    data: Data,
    /,
    *,
    key: KeyFile,
    extractor: Annotated[
        list[Path] | None,
        Parameter(
            negative="",
            help="A recorded run of a network to mark with, trained on such data, where the design "
            "needs one; may be given more than once.",
        ),
    ] = None,
    folder: Annotated[Out, Parameter(name="--out")],
    design: Annotated[
        str | None,
        Parameter(
            help=f"What to plant: {', '.join(DESIGNS)}; by default the first of these that can "
            "mark such data."
        ),
    ] = None,
    share: Annotated[
        float,
        Parameter(
            help="Share of the examples to mark, in (0, 1); some designs take it of every class "
            "alike, or of the classes that they can mark."
        ),
    ] = 0.01,
    policy: Annotated[
        PolicyName | None,
        Parameter(
            name="--choose",
            help="Which examples: those that the extractors find hardest (the default where there "
            "are extractors), those with the largest self-influence, or any, as the key decides.",
        ),
    ] = None,
    alpha: Annotated[
        float,
        Parameter(
            help="The level of audits: how often they may reject the null for a model that was not "
            "trained on the data, in (0, 1)."
        ),
    ] = 0.01,
    coins: Annotated[
        StrengthName,
        Parameter(
            help="Who draws the coins: a public beacon or a witness, after the commitment, with "
            "`radiotracer release`; or the owner, at once, which is weak evidence."
        ),
    ] = "owner",
    references: Annotated[
        list[str] | None,
        Parameter(
            name="--reference-model",
            negative="",
            help="A run or .onnx file of your own that audits may hold suspects against, never "
            "trained on published data: committed to now, or it does not count; repeatable.",
        ),
    ] = None,
    factory: Factory = None,
    reading: ReadingOptions = DEFAULT_READING,
    overwrite: Overwrite = False,
    json: Json = False,
    **options: Any,
) -> int:
    """Mark a share of a data set, so that training on it can be proved.

    Each design plants something else. twins changes some images by a few grey levels: of two
    changed versions of each, a coin of your key publishes one and seals the other. carriers moves
    images along a secret direction of their class, tags makes them teach secret patterns by secret
    labels, and canaries puts a line of random words into texts, one of two by a coin. withheld
    changes nothing: of two examples of a class a coin publishes one, and the other is kept back.
    The new folder holds release (what to publish, a DATA argument), sealed (what audits need;
    nobody else may see it), and commitment.json (what to have time-stamped before you publish).
    With --coins beacon or witness it is prepared alone: have commitment.json time-stamped, and draw
    the coins with `radiotracer release`. The key lies elsewhere. A marking that was stopped goes on
    where it was when the same command is run again.

    Example: radiotracer mark mnist --key my.key --extractor run --out marked

    Example: radiotracer mark mnist --key my.key --extractor run --coins beacon --out prepared

    Example: radiotracer mark mails.csv --key my.key --design canaries --share 0.2 --out marked
    """
    from radiotracer.cli.executing import kept_units
    from radiotracer.data import open_data
    from radiotracer.data.account import write_duplicates, write_left_out
    from radiotracer.provenance.bound import COMMITMENT_FILE
    from radiotracer.provenance.choosing import choose_rows
    from radiotracer.provenance.designs import design_for
    from radiotracer.provenance.kept import Kept
    from radiotracer.provenance.marking import candidates_of, prepare, publish
    from radiotracer.provenance.models import open_suspect
    from radiotracer.provenance.randomness import reachable
    from radiotracer.provenance.references import digests_of
    from radiotracer.provenance.strengths.owner import owners
    from radiotracer.runs import Run

    _require_rates(share, alpha)
    extractors = extractor or []
    if design is not None:
        require_extractors(DESIGNS[design], extractors, factory)
        settings_from(DESIGNS[design], options)
    source = data if Path(data).exists() else data.removesuffix(":train").removesuffix(":test")
    _require_apart(folder, {"the key file": key, "DATA": Path(source)}, extractors)
    require_new_folder(folder, marker=COMMITMENT_FILE, overwrite=overwrite)
    secret = read_key(key)
    runs = [Run.open(each) for each in extractors]
    examples = open_data(
        data,
        **reading.given(),
        report=err.print,
    )
    account = tell_data(examples, listed=True)
    kind, _ = design_for(design, examples.modality)
    require_extractors(kind, extractors, factory)
    chosen_settings = settings_from(kind, options)
    candidates = candidates_of(examples, share, secret, kind, chosen_settings)
    kind.require_enough(examples, candidates, chosen_settings, reachable(alpha, coins))
    models = [network_for(run, factory, examples) for run in runs]
    known = digests_of([open_suspect(each, like=examples) for each in references or ()])
    policy = policy or ("hardest" if models else "random")
    if policy != "random":
        _tell_other_data(runs, examples, policy)
    with kept_units(folder, overwrite=overwrite, name="marking") as ledger:
        with progress() as reporter:
            rows = choose_rows(
                examples, candidates, policy, secret, models=models, progress=reporter
            )
            prepared = prepare(
                examples,
                rows,
                secret,
                models,
                chosen_settings,
                spec=runs[0].info.model if runs else None,
                alpha=alpha,
                coins=coins,
                references=known,
                kept=Kept(ledger, err.print),
                progress=reporter,
            )
            release = None
            if coins == "owner":
                release = publish(
                    prepared,
                    secret,
                    owners(secret),
                    models,
                    kept=Kept(ledger, err.print),
                    progress=reporter,
                )
        (release or prepared).write(folder, overwrite=overwrite)
        write_left_out(account, folder)
        write_duplicates(account, folder)
    told = {"read": account.as_json(), "key": secret.fingerprint, "out": str(folder)}
    tell(release or prepared, folder, key, told if json else None)
    return 0


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


def _require_rates(share: float, alpha: float) -> None:
    from radiotracer.provenance.choosing import require_share

    require_share(share)
    if not 0.0 < alpha < 1.0:
        raise InputError(expected="alpha= in (0, 1)", came=f"{alpha:g}", do="pass, say, alpha=0.01")


def _require_apart(folder: Path, others: dict[str, Path], extractors: list[Path]) -> None:
    """Nothing that is needed may lie in OUT, nor OUT in what is published."""
    from radiotracer.provenance.bound import COMMITMENT_FILE

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


def _tell_other_data(runs: list[Run], examples: Dataset, policy: str) -> None:
    for run in runs:
        if run.info.data.digest != examples.digest:
            err.print(
                f"{run.folder} was not trained on these data: --choose {policy} goes by what is "
                "so to a network that has not seen them"
            )


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:5])}{', …' * (len(names) > 5)}" or "unknown classes"


with_design_options(mark, before="alpha")
