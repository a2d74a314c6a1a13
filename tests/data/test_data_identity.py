from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from radiotracer.data import IMAGES, TEXTS, Dataset, Identity, dataset_digest, differences, identify
from radiotracer.errors import InputError, NotFiniteError

N = 6
X = torch.arange(N * 8, dtype=torch.float32).reshape(N, 1, 2, 4)
Y = torch.tensor([0, 1, 2, 0, 1, 2])
EXAMPLES = Dataset(
    modality=IMAGES,
    content=X.numpy().astype(np.uint8).reshape(N, 2, 4, 1),
    labels=Y.numpy(),
    ids=np.array([f"e{i}" for i in range(N)]),
    class_names=("a", "b", "c"),
    source="test",
)


class Pairs:
    """A map-style data set without a base class, as PyTorch allows."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_examples_keep_their_ids_and_digest() -> None:
    assert identify(EXAMPLES).digest == EXAMPLES.digest
    assert len(identify(EXAMPLES)) == N


def test_pair_and_data_set_agree() -> None:
    expected = identify((X, Y))
    assert expected.ids.tolist()[:2] == ["00000", "00001"]
    assert expected.labels.tolist() == Y.tolist()
    for data in (
        torch.utils.data.TensorDataset(X, Y),
        torch.utils.data.Subset(torch.utils.data.TensorDataset(X, Y), range(N)),
        Pairs([(x, int(y)) for x, y in zip(X, Y, strict=True)]),
        Pairs([[x.numpy(), y.numpy()] for x, y in zip(X, Y, strict=True)]),
        (X.numpy(), Y.numpy()),
        (X.transpose(2, 3).contiguous().transpose(2, 3), Y),
        (X.clone().requires_grad_(), Y),
    ):
        assert identify(data).digest == expected.digest


def test_the_digest_knows_dtype_shape_and_bytes() -> None:
    seen = {
        identify((inputs, Y)).digest
        for inputs in (X, X.double(), X.half(), X.bfloat16(), X.reshape(N, 8), X.int(), X + 1)
    }
    assert len(seen) == 7


def test_images_of_pillow() -> None:
    images = [Image.fromarray(image[..., 0]) for image in EXAMPLES.content]
    one = identify(Pairs([(image, 0) for image in images]))
    two = identify(Pairs([(np.asarray(image), 0) for image in images]))
    assert one.digest == two.digest


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_not_finite_names_the_first(bad: float, dtype: torch.dtype) -> None:
    spoilt = X.to(dtype).clone()
    spoilt[3, 0, 1, 1] = bad
    spoilt[5, 0, 1, 1] = bad
    with pytest.raises(NotFiniteError, match="NaN or infinity in the input 00003"):
        identify((spoilt, Y))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "got int"),
        (iter([1]), "wrap the data"),
        ((X, Y[:3]), r"shape \(6, 1, 2, 4\), shape \(3,\); give one target for each input"),
        (Pairs([X[0]]), "got Tensor at 0"),
        (Pairs([(X[0],)]), r"got tuple at 0; .*\(the target of an autoencoder is its input\)"),
        (Pairs([({"a": "cat"}, 0)]), "got str in the input 00000 under 'a'"),
        (Pairs([([[1.0], [2.0, 3.0]], 0)]), "got list in the input 00000"),
        (Pairs([(X[0], "cat")]), "got str in the target 00000"),
        (Pairs([(X[0], None)]), "got NoneType in the target 00000"),
        ((X, torch.full((N,), torch.nan)), "NaN or infinity in the target 00000"),
    ],
)
def test_unusable(data: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        identify(data)


def test_no_difference() -> None:
    assert differences(identify(EXAMPLES), identify(EXAMPLES.take(range(N)))) is None


def test_each_kind_of_difference() -> None:
    before = identify(EXAMPLES)
    images = EXAMPLES.content.copy()
    images[2] += 1
    labels = EXAMPLES.labels.copy()
    labels[[4, 5]] = 0
    changed = dataclasses.replace(EXAMPLES, content=images, labels=labels)
    assert differences(before, identify(changed)) == (
        "1 changed image (e.g. 'e2'), 2 changed label (e.g. 'e4')"
    )
    ids = EXAMPLES.ids.copy()
    ids[0] = "\n"
    renamed = identify(dataclasses.replace(EXAMPLES, ids=ids))
    assert differences(before, renamed) == "1 missing (e.g. 'e0'), 1 extra (e.g. '\\n')"
    assert differences(before, identify(EXAMPLES.take([0, 1]))) == "4 missing (e.g. 'e2')"
    swapped = identify(EXAMPLES.take([0, 2, 1, 3, 4, 5]))
    assert differences(before, swapped) == "another order (from row 1: 'e2')"


def test_a_difference_names_what_the_examples_are() -> None:
    texts = Dataset(
        TEXTS, ("a", "b"), np.array([0, 1]), np.array(["t0", "t1"]), ("no", "yes"), "a test"
    )
    other = dataclasses.replace(texts, content=("a", "c"))
    before, after = (Identity.of(t.ids, t.digests, t.labels, "text") for t in (texts, other))
    assert differences(before, after) == "1 changed text (e.g. 't1')"
    tokens = torch.zeros(2, 3, dtype=torch.int64)
    before, after = (identify((t, torch.tensor([0, 1]))) for t in (tokens, tokens + 1))
    assert differences(before, after) == "2 changed input (e.g. '00000')"


def test_digests_are_looked_up_one_by_one_only_where_data_differ() -> None:
    before = identify(EXAMPLES)
    assert before.digest == dataset_digest(EXAMPLES.ids, EXAMPLES.digests, EXAMPLES.labels)

    def look_up() -> np.ndarray:
        raise AssertionError

    same = Identity(before.ids, before.labels, before.digest, look_up)
    assert differences(before, same) is None and differences(same, before) is None
    assert before.digests.tolist() == EXAMPLES.digests.tolist()


def test_nothing_in_common() -> None:
    empty = Identity.of(
        np.array([], dtype="U1"), np.array([], dtype="U64"), np.array([], dtype=np.int64)
    )
    assert differences(identify(EXAMPLES), empty) == "6 missing (e.g. 'e0')"
    assert differences(empty, identify(EXAMPLES)) == "6 extra (e.g. 'e0')"
