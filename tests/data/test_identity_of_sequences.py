"""Identity of inputs that are mappings of tensors, and of targets that are sequences."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from radiotracer.data import differences, identify
from radiotracer.errors import DataError, NotFiniteError

X = torch.arange(12, dtype=torch.float32).reshape(3, 4)
Y = torch.tensor([2, 0, 1])
WORDS = X.long()
MASK = torch.ones(3, 4, dtype=torch.int64)
NAMED = {"input_ids": WORDS, "attention_mask": MASK}


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        ((X, Y), "75572b2699b63d025f469c97a4b2ea149a53921d36f417c698dc1666d81c3c92"),
        ((WORDS, Y), "3d147be3e1bbef61f1c9825b9e3e8e1850f75334ce19a632a5d2bfe34eea0118"),
        ((X.bfloat16(), Y), "01b24e18670b4b89182b8da40950e1efc14c032726183a0353847f59a0312171"),
        (
            [(X[row], Y[row : row + 1]) for row in range(3)],
            "75572b2699b63d025f469c97a4b2ea149a53921d36f417c698dc1666d81c3c92",
        ),
    ],
)
def test_runs_recorded_before_open(data: object, digest: str) -> None:
    assert identify(data).digest == digest


def items(label: str, targets: torch.Tensor) -> list[dict[str, Any]]:
    return [
        {**{name: value[row] for name, value in NAMED.items()}, label: targets[row]}
        for row in range(3)
    ]


def test_every_way_to_give_the_same_examples() -> None:
    expected = identify((NAMED, Y))
    assert expected.labels.tolist() == [2, 0, 1]
    swapped = dict(reversed(NAMED.items()))
    pairs = [({name: value[row] for name, value in NAMED.items()}, Y[row]) for row in range(3)]
    for data in ((swapped, Y), items("label", Y), items("labels", Y), pairs):
        assert identify(data).digest == expected.digest


def test_names_dtypes_shapes_and_bytes_count() -> None:
    flat = {"input_ids": WORDS.reshape(3, 2, 2), "attention_mask": MASK}
    others = [
        NAMED,
        {"input_ids": WORDS, "token_type_ids": MASK},
        {"input_ids": MASK, "attention_mask": WORDS},
        {"input_ids": WORDS, "attention_mask": MASK.bool()},
        {"input_ids": WORDS + 1, "attention_mask": MASK},
        {"input_ids": WORDS},
        flat,
    ]
    digests = [identify((each, Y)).digest for each in others] + [identify((WORDS, Y)).digest]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("inputs", [NAMED, WORDS], ids=["named", "one"])
def test_targets_that_are_sequences_count(inputs: Any) -> None:
    before = identify((inputs, WORDS))
    assert before.labels.tolist() == [-1, -1, -1]
    other = WORDS.clone()
    other[1, 2] = -100
    after = identify((inputs, other))
    assert after.digest != before.digest
    assert differences(before, after) == "1 changed input (e.g. '00001')"
    assert identify((inputs, WORDS.int())).digest != before.digest


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (NAMED, "got dict; wrap the data"),
        (({}, Y), "named tensors; got none"),
        (
            ({"input_ids": WORDS, "attention_mask": MASK[:2]}, Y),
            r"\(3, 4\), shape \(2, 4\), shape \(3,\)",
        ),
        (({"input_ids": WORDS.tolist()}, Y), "got a list, shape"),
        ([{"input_ids": WORDS[0]}], "the keys input_ids at 0"),
        ([{"label": Y[0]}], "the keys label at 0"),
        ([{"input_ids": WORDS[0], "label": 1, "labels": 1}], "input_ids, label, labels at 0"),
        (
            [{"input_ids": WORDS[0], "text": "a", "label": 1}],
            "got str in the input 00000 under 'text'",
        ),
    ],
)
def test_unusable(data: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        identify(data)


def test_not_finite_names_the_row() -> None:
    spoilt = X.clone()
    spoilt[2, 1] = torch.nan
    with pytest.raises(NotFiniteError, match="the input 00002"):
        identify(({"pixels": spoilt, "attention_mask": MASK}, Y))
