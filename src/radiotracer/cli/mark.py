"""``radiotracer mark``: mark a share of a data set, so that training on it can be proved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import err, tell_data
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
from radiotracer.cli.stamp import TsaCertificate, believed_roots
from radiotracer.errors import InputError
from radiotracer.files import require_new_folder
from radiotracer.provenance.designs import DESIGNS

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
        StrengthName | None,
        Parameter(
            help="Who draws the coins: a public beacon or a witness, after the commitment, with "
            "`radiotracer release`; or the owner, at once, which is weak evidence. By default the "
            "owner; with --coins-from the beacon."
        ),
    ] = None,
    coins_from: Annotated[
        str | None,
        Parameter(
            help="Do both steps at once: the address of a relay of drand, such as "
            "https://api.drand.sh, which is asked for the first pulse after the time stamp."
        ),
    ] = None,
    stamp: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="With --coins-from: the address of a time-stamp authority (RFC 3161) that stamps "
            "the commitment before; repeatable.",
        ),
    ] = (),
    tsa_certificate: TsaCertificate = None,
    references: Annotated[
        list[str] | None,
        Parameter(
            name="--reference-model",
            negative="",
            help="A run or .onnx file of your own that audits may hold suspects against, never "
            "trained on published data: committed to now, or it does not count; repeatable.",
        ),
    ] = None,
    log: Annotated[
        str | None,
        Parameter(
            help="A log that others hold, by the path, address or words that they find it by: "
            "every audit is written to it, so that who checks need not take your count of them."
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
    the coins with `radiotracer release`; or let --stamp and --coins-from do all of it at once. The
    key lies elsewhere. A marking that was stopped goes on where it was when the same command is run
    again.

    Example: radiotracer mark mnist --key my.key --extractor run --out marked

    Example: radiotracer mark mnist --key my.key --extractor run --coins beacon --out prepared

    Example: radiotracer mark mnist --key my.key --extractor run --out marked --stamp
    https://freetsa.org/tsr --tsa-certificate cacert.pem --coins-from https://api.drand.sh

    Example: radiotracer mark mails.csv --key my.key --design canaries --share 0.2 --out marked
    """
    from radiotracer.cli.extractors import network_for, require_extractors, tell_other_data
    from radiotracer.cli.first_step import first_step
    from radiotracer.cli.one_step import beside, require_one_step, stamp_and_release
    from radiotracer.data import open_data
    from radiotracer.data.account import write_duplicates, write_left_out
    from radiotracer.provenance.bound import COMMITMENT_FILE
    from radiotracer.provenance.designs import design_for
    from radiotracer.provenance.marking import candidates_of
    from radiotracer.provenance.models import open_suspect
    from radiotracer.provenance.randomness import reachable
    from radiotracer.provenance.references import digests_of
    from radiotracer.runs import Run

    require_one_step(coins, coins_from, stamp)
    drawn_by = coins or ("owner" if coins_from is None else "beacon")
    roots = believed_roots(tsa_certificate)
    _require_settings(share, alpha, log)
    extractors = extractor or []
    if design is not None:
        require_extractors(DESIGNS[design], extractors, factory)
        settings_from(DESIGNS[design], options)
    source = data if Path(data).exists() else data.removesuffix(":train").removesuffix(":test")
    _require_apart(folder, {"the key file": key, "DATA": Path(source)}, extractors)
    require_new_folder(folder, marker=COMMITMENT_FILE, overwrite=overwrite)
    first = folder if coins_from is None else beside(folder)
    is_prepared = first != folder and (first / COMMITMENT_FILE).is_file() and not overwrite
    if not is_prepared:
        require_new_folder(first, marker=COMMITMENT_FILE, overwrite=overwrite)
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
    kind.require_enough(examples, candidates, chosen_settings, reachable(alpha, drawn_by))
    models = [network_for(run, factory, examples) for run in runs]
    known = digests_of([open_suspect(each, like=examples) for each in references or ()])
    policy = policy or ("hardest" if models else "random")
    if policy != "random":
        tell_other_data(runs, examples, policy)
    made = first_step(
        first,
        secret,
        examples,
        candidates,
        policy,
        models,
        chosen_settings,
        spec=runs[0].info.model if runs else None,
        fixed={"alpha": alpha, "coins": drawn_by, "references": known, "log": log},
        is_prepared=is_prepared,
        overwrite=overwrite,
    )
    if coins_from is not None:
        made = stamp_and_release(
            first,
            folder,
            secret,
            coins_from=coins_from,
            stamp=stamp,
            extractor=extractors if kind.marks_after_coins else (),
            factory=factory if kind.marks_after_coins else None,
            roots=roots,
            overwrite=overwrite,
        )
    write_left_out(account, folder)
    write_duplicates(account, folder)
    told = {"read": account.as_json(), "key": secret.fingerprint, "out": str(folder)}
    tell(made, folder, key, told if json else None)
    return 0


def _require_settings(share: float, alpha: float, log: str | None) -> None:
    from radiotracer.provenance.choosing import require_share
    from radiotracer.provenance.protocol import require_log_name

    require_log_name(log)
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


with_design_options(mark, before="alpha")
