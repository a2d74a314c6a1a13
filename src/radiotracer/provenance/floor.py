"""What marks could show at most: refused before the work where even all of it is too little."""

from __future__ import annotations

import math
from collections.abc import Sequence

from radiotracer.data import Dataset
from radiotracer.data.modality import nouns
from radiotracer.errors import InputError
from radiotracer.provenance.choosing import counts, smallest_share
from radiotracer.provenance.design import Candidates


def require_coins(data: Dataset, candidates: Candidates, alpha: float, *, repeats: int = 1) -> None:
    """Raise where not even a model that gives away every coin could be found out.

    Args:
        data: What is to be marked.
        candidates: How much of it.
        alpha: The level of the audits.
        repeats: How many marked examples of a class share a coin.

    Raises:
        InputError: There would be too few coins.
    """
    needed = max(1, math.ceil(-math.log2(alpha) - 1e-9))

    def coins(marked: Sequence[int]) -> int:
        return sum(-(-each // repeats) for each in marked)

    marked = counts(data, candidates)
    if coins(marked) >= needed:
        return
    enough = smallest_share(data, candidates, lambda marked: coins(marked) >= needed)
    name, whole = data.modality.name, nouns(data.modality, len(data))
    tossed = "" if repeats == 1 else f", {coins(marked)} coins with repeats={repeats}"
    raise InputError(
        expected=f"at least {needed} {name if repeats == 1 else 'coins'} to mark, for n fair coins "
        f"cannot show less than 2^-n and alpha={alpha:g}",
        came=f"share={candidates.share:g}, which marks {sum(marked)} of {whole}{tossed}",
        do=f"bring more {name}, or raise alpha="
        if enough is None
        else f"pass share={enough:g} or more",
    )
