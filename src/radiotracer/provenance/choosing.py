"""Which images to mark: a share of every class, by chance or by what networks find hard."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset, require_images
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients import (
    Batch,
    Objective,
    frozen_copy,
    inputs_for,
    last_layer_gradients,
    require_linear_head,
)
from radiotracer.provenance.design import Candidates
from radiotracer.provenance.key import Key

Policy = Literal["hardest", "random", "self-influence"]
"""How images are chosen; see `choose`."""

LOWEST_MARGIN = -0.7
"""Images whose margin is not above this are often mislabelled: whoever cleans data removes them
first. On development data they would show the mark a little more than those above it do, and these
twice as much as those above -0.2 (log10 p)."""

LEFT_OUT = 0.01
"""The share of a class with the largest self-influence that is left out, for the same reason."""

Reals = NDArray[np.float64]


def choose_rows(
    data: Dataset,
    candidates: Candidates,
    policy: Policy,
    key: Key,
    *,
    models: Sequence[nn.Module] = (),
    batch_size: int = 500,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> NDArray[np.int64]:
    """Choose the examples to mark: of every class as many as its size asks for, or of all together.

    ``random``: by an HMAC of the id under the key. It hangs on the id alone, and the next
    version chooses the same examples.

    ``hardest``: by the smallest margin, the probability of the own label less the largest other
    one. What networks find easy they know without having seen it, and their answer says little of
    whether they have; what they find hard they must learn by heart. The extreme tail is left out
    (`LOWEST_MARGIN`): wrong labels are learned by heart, too, but cleaned away first.

    ``self-influence``: by the largest squared norm of the gradient of the last layer, which is
    how much a step on an image lowers its own loss; the largest hundredth of each class is left out
    (`LEFT_OUT`).

    Designs that can use the tails are given them.

    Where a class has too few others, what was left out is taken, the least extreme first. No
    choice looks at the coins, so the tests stay exact whichever is made; it may decide how much
    they find. Equal scores are ordered as by ``random``, so the order of the examples changes
    nothing.

    Args:
        data: All of them; networks look at images alone.
        candidates: Which may be marked, and which share of them.
        policy: How.
        key: The secret.
        models: Networks that take the images and give a logit per class, whose scores are
            averaged; at least one unless `policy` is ``random``. Left as they were found.
        batch_size: Images per pass.
        progress: Told ``"choosing"``, how many images the networks have seen, and of how many.

    Returns:
        Rows, ascending, int64, shape (k,).

    Raises:
        InputError: No network where one is needed, one that does not fit, or without a last linear
            layer (``self-influence``).
        NotFiniteError: A network gives NaN or infinity.
    """
    group = _groups(data, candidates)
    if policy != "random" and not models:
        raise InputError(
            expected="a network to choose with",
            came=f"policy={policy} and none",
            do='pass one, or policy="random"',
        )
    order = _mixed(key, data.ids.tolist())
    ease = np.zeros(len(data))
    if policy != "random":
        require_images(data, f"the policy {policy}")
        for model in models:
            require_outputs(model, data)
        ease = _ease(data, policy, models, batch_size, progress)
    chosen = []
    for each, size in _sizes(group).items():
        own = order[group[order] == each]
        own = own[np.argsort(ease[own], kind="stable")]
        tail = 0
        if candidates.whole_tail:
            pass
        elif policy == "hardest":
            tail = int((ease[own] <= LOWEST_MARGIN).sum())
        elif policy == "self-influence":
            tail = round(LEFT_OUT * len(own))
        ordered = np.concatenate([own[tail:], own[:tail][::-1]])
        chosen.append(ordered[: _count(candidates.share, size)])
    return np.sort(np.concatenate(chosen))


def counts(data: Dataset, candidates: Candidates) -> list[int]:
    """How many examples `choose_rows` takes: of each class, or of all together."""
    sizes = _sizes(_groups(data, candidates)).values()
    return [_count(candidates.share, size) for size in sizes]


def smallest_share(
    data: Dataset, candidates: Candidates, enough: Callable[[list[int]], bool]
) -> float | None:
    """The smallest share, up to its third digit, by which `choose_rows` takes enough.

    Args:
        data: The data.
        candidates: Which may be marked; their share is not looked at.
        enough: Whether so many of each class, or of all together, are enough; if some are, more
            are, too.

    Returns:
        In (0, 1); None where no share does.
    """
    sizes = _sizes(_groups(data, candidates)).values()

    def does(share: float) -> bool:
        return enough([_count(share, size) for size in sizes])

    low, high = 0.0, 1.0
    if not does(high):
        return None
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if does(middle) else (middle, high)
    digits = 2 - math.floor(math.log10(high))
    share = math.ceil(high * 10**digits) / 10**digits
    return share if share < 1 else None


def of_classes(candidates: Candidates, data: Dataset, classes: Sequence[int]) -> Candidates:
    """Those candidates alone that are of some classes.

    Raises:
        InputError: A class that is not there, or no candidate in the classes.
    """
    named = len(data.class_names)
    strange = sorted(each for each in classes if not 0 <= each < named)
    if strange:
        raise InputError(
            expected=f"classes from 0 to {named - 1}",
            came=", ".join(map(str, strange)),
            do="choose classes of the data",
        )
    inside = candidates.eligible & np.isin(data.labels, list(classes))
    if not inside.any():
        raise InputError(
            expected=f"at least one {data.modality.noun} in the classes to mark",
            came="none",
            do=f"choose classes that have {data.modality.name}",
        )
    return replace(candidates, eligible=inside)


def require_share(share: float) -> None:
    """Raise `InputError` unless the share lies in (0, 1)."""
    if not 0.0 < share < 1.0:
        raise InputError(expected="share= in (0, 1)", came=f"{share:g}", do="pass, say, share=0.01")


def require_outputs(model: nn.Module, examples: Dataset) -> None:
    """Raise `InputError` unless the network takes the images and has an output for each class."""
    first, classes = examples.content[:1], len(examples.class_names)
    with frozen_copy(model, first, seed=0) as network, torch.no_grad():
        shape = tuple(network.model(inputs_for(network, first)).shape)
    if len(shape) != 2 or shape[1] < classes:
        raise InputError(
            expected=f"a network with an output for each of {classes} classes",
            came=f"one with outputs of shape {shape} for one image",
            do="pass a network that was trained on such data",
        )


def _count(share: float, size: int) -> int:
    return max(1, round(share * size))


def _sizes(group: NDArray[np.int64]) -> dict[int, int]:
    counted: list[int] = np.bincount(group[group >= 0]).tolist()
    return {each: size for each, size in enumerate(counted) if size}


def _groups(data: Dataset, candidates: Candidates) -> NDArray[np.int64]:
    """The group that each example's share is taken of, shape (n,); -1 where it is no candidate."""
    return np.where(candidates.eligible, data.labels if candidates.per_class else 0, -1)


def _mixed(key: Key, ids: list[str]) -> NDArray[np.int64]:
    """Rows in an order that only the key knows, and that hangs on each id alone."""
    secret = key.derive("choose/random")
    digests = [hmac.digest(secret, each.encode(), "sha256") for each in ids]
    return np.array(sorted(range(len(ids)), key=digests.__getitem__), dtype=np.int64)


def _ease(
    examples: Dataset,
    policy: Policy,
    models: Sequence[nn.Module],
    batch_size: int,
    progress: Callable[[str, int, int], None],
) -> Reals:
    """Margins, or self-influences with the sign turned: low is hard. The mean over models, (n,)."""
    total, done = np.zeros(len(examples)), 0
    for model in models:
        with (
            frozen_copy(model, examples.content, seed=0, memory_format=torch.channels_last) as net,
            torch.no_grad(),
        ):
            if policy == "self-influence":
                require_linear_head(net)
            for first in range(0, len(examples), batch_size):
                rows = slice(first, min(first + batch_size, len(examples)))
                total[rows] += _batch_ease(net, examples, rows, policy)
                done += rows.stop - rows.start
                progress("choosing", done, len(models) * len(examples))
    if not np.isfinite(total).all():
        raise NotFiniteError(
            expected="finite outputs of the networks to choose with",
            came=f"NaN or infinity for {int((~np.isfinite(total)).sum())} images",
            do="check the networks",
        )
    return total / len(models)


def _batch_ease(network: Objective, examples: Dataset, rows: slice, policy: Policy) -> Reals:
    inputs = inputs_for(network, examples.content[rows])
    labels = torch.from_numpy(examples.labels[rows]).to(inputs.device)
    seen = network.evaluate(Batch(inputs, labels))
    if policy == "self-influence":
        rates = {f"{network.head}.weight": 1.0, f"{network.head}.bias": 1.0}
        return -last_layer_gradients(network, seen, labels, rates).square_norm().cpu().numpy()
    likely = seen.outputs.double().softmax(dim=1)
    own = likely.gather(1, labels[:, None])[:, 0]
    others = likely.scatter(1, labels[:, None], -1.0).amax(dim=1)
    return np.asarray((own - others).cpu().numpy())
