"""Examples in every form: by row and in batches, padded by their masks, as networks take them."""

from __future__ import annotations

from typing import Any

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate

from radiotracer.data import identify
from radiotracer.data.examples import is_pair, names_taken, reader, seen_by
from radiotracer.data.inputs import named
from radiotracer.errors import DataError

X = torch.arange(12, dtype=torch.float32).reshape(3, 4)
Y = torch.tensor([2, 0, 1])


class Takes(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return input_ids * attention_mask


class TakesAll(nn.Module):
    def forward(self, input_ids: Tensor, **others: Tensor) -> Tensor:
        return input_ids


class TakesAllAndUsesItsOwn(TakesAll):
    """As networks of transformers do."""

    main_input_name = "input_ids"


class Padding(TakesAll):
    class config:
        pad_token_id = 7


def tokens(*lengths: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"input_ids": list(range(1, n + 1)), "attention_mask": [1] * n, "label": n, **more}
        for n in lengths
    ]


@hypothesis.given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_what_a_mask_shows_does_not_depend_on_the_batch(lengths: list[int], data: Any) -> None:
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=6))
    inputs, targets = reader(tokens(*lengths)).batch(rows)
    parts = named(inputs)
    assert targets.tolist() == [lengths[row] for row in rows]
    assert parts["input_ids"].shape == (len(rows), max(lengths[row] for row in rows))
    for row, ids, mask in zip(rows, parts["input_ids"], parts["attention_mask"], strict=True):
        assert ids[mask.bool()].tolist() == list(range(1, lengths[row] + 1))
        assert not ids[~mask.bool()].any()


def test_padding_is_the_networks_own_and_labels_are_not_asked_there() -> None:
    items = [{**one, "label": one["input_ids"], "scale": 2.0} for one in tokens(3, 1)]
    examples = seen_by(Padding(), items)
    inputs, targets = examples.batch([0, 1])
    assert inputs["input_ids"].tolist() == [[1, 2, 3], [1, 7, 7]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert inputs["scale"].tolist() == [2.0, 2.0]
    assert targets.tolist() == [[1, 2, 3], [1, -100, -100]]
    assert examples.take([1]).batch([0])[0]["input_ids"].tolist() == [[1]]


def test_lists_arrays_and_tensors_are_the_same_examples() -> None:
    items = tokens(3, 1, 2)
    expected = identify(items).digest
    for change in (torch.tensor, np.array):
        others = [{k: v if k == "label" else change(v) for k, v in one.items()} for one in items]
        assert identify(others).digest == expected
    numbers = [(x.tolist(), y) for x, y in zip(X, [0.5, 1.5, 2.5], strict=True)]
    assert identify(numbers).digest == identify((X, torch.tensor([0.5, 1.5, 2.5]))).digest


def test_targets_that_are_no_classes_count() -> None:
    targets = [
        Y,
        Y.float(),
        Y[:, None].float(),
        Y.double(),
        {"kind": Y, "size": Y.float()},
        {"kind": Y, "length": Y.float()},
        (Y, Y.float()),
        X > 2,
    ]
    found = [identify((X, target)) for target in targets]
    assert len({each.digest for each in found}) == len(targets)
    assert [set(each.labels.tolist()) for each in found] == [{0, 1, 2}] + [{-1}] * 7
    items = [(X[i], {"kind": Y[i], "size": Y[i].float()}) for i in range(3)]
    assert identify(items).digest == found[4].digest
    assert identify((X, Y.float() + 0.5)).digest != found[1].digest


def test_several_inputs() -> None:
    several = identify(((X, Y), Y))
    assert identify(TensorDataset(X, Y, Y)).digest == several.digest
    assert identify(((Y, X), Y)).digest != several.digest
    assert identify(({"0": X, "1": Y}, Y)).digest != several.digest
    inputs, targets = reader(TensorDataset(X, Y, Y)).batch(slice(1, 3))
    assert torch.equal(inputs[0], X[1:]) and torch.equal(inputs[1], Y[1:])
    assert torch.equal(targets, Y[1:])


def halved(batch: list[Any]) -> Any:
    inputs, labels = default_collate(batch)
    return inputs / 2, labels


def test_a_loader_is_its_data_set_and_its_collate_function() -> None:
    data = TensorDataset(X, Y)
    expected = identify(data).digest
    for options in ({"shuffle": True}, {"batch_size": 2}, {"sampler": [2, 2]}):
        assert identify(DataLoader(data, **options)).digest == expected
    made = DataLoader(data, collate_fn=halved)
    assert identify(made).digest == identify((X / 2, Y)).digest
    assert torch.equal(reader(made).batch([2, 0])[0], X[[2, 0]] / 2)
    assert torch.equal(reader(made).take([2, 0]).batch([0])[0], X[2:] / 2)


class Stream(IterableDataset[Any]):
    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self) -> Any:
        self.passes += 1
        return iter(zip(X, Y, strict=True))


def test_a_stream_is_read_once_and_again_when_asked() -> None:
    stream = Stream()
    examples = seen_by(Takes(), stream)
    assert identify(examples).digest == identify((X, Y)).digest and stream.passes == 1
    assert [row for row, _ in examples.again(2)] == [0, 1] and stream.passes == 2


def test_names_that_a_network_takes() -> None:
    items = tokens(2, 1, text="words", idx=4)
    without = identify(tokens(2, 1)).digest
    assert identify(seen_by(Takes(), items)).digest == without
    assert names_taken(TakesAll()) is None
    assert "idx" in seen_by(TakesAll(), items).one(0)[0]
    assert seen_by(TakesAllAndUsesItsOwn(), items).one(0)[0].keys() == {"input_ids"}
    assert seen_by(nn.Linear(1, 1), items).one(0)[0].keys() >= {"idx"}  # it takes none of them
    pair = ({"input_ids": X, "attention_mask": X, "idx": Y}, Y)
    assert seen_by(Takes(), pair)[0].keys() == {"input_ids", "attention_mask"}


def test_pairs_and_lists_of_two() -> None:
    assert is_pair((X, Y)) and is_pair([X, Y]) and is_pair(((X, Y), {"a": Y}))
    assert not is_pair([(X[0], Y[0]), (X[1], Y[1])]) and not is_pair((X, Y, Y))
    assert len(reader([(X[0], 0), (X[1], 1)])) == 2
    inputs, targets = reader((X.numpy(), Y.numpy())).batch([1])
    assert torch.equal(inputs, X[1:2]) and torch.equal(targets, Y[1:2])


def test_collate_functions_that_make_no_batch() -> None:
    short = DataLoader(TensorDataset(X, Y), collate_fn=lambda batch: (X[:1], Y[:1]))
    with pytest.raises(DataError, match="makes a batch of 2 of as many items; got 1 and 1"):
        reader(short).batch([0, 1])
    unbatched = DataLoader(TensorDataset(X, Y), batch_size=None, collate_fn=lambda item: item)
    with pytest.raises(DataError, match="got batch_size=None with a collate_fn"):
        reader(unbatched)
