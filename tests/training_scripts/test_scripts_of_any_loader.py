"""Plain loops over every kind of loader: recorded, and traced exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from script_helpers import (
    N,
    Script,
    choose,
    cross_entropy,
    draw,
    items,
    loader,
    made,
    net,
    record,
    require_exact,
)
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler,
    Dataset,
    IterableDataset,
    RandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import radiotracer

X = draw(N, 4)
Y = choose(3, N)
IN_MEMORY = loader(TensorDataset(X, Y))


def weighted() -> Script:
    data = TensorDataset(X, Y)
    sampler = WeightedRandomSampler(torch.rand(N).tolist(), 2 * N)
    return Script(net(4, 3), loader(data, sampler=sampler), cross_entropy)


def batch_sampler() -> Script:
    data = TensorDataset(X, Y)
    batches = BatchSampler(RandomSampler(data), 7, drop_last=True)
    return Script(net(4, 3), loader(data, batch_sampler=batches), cross_entropy)


def workers() -> Script:
    return Script(net(4, 3), loader(TensorDataset(X, Y), num_workers=2), cross_entropy)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(11, 6, padding_idx=0), nn.Linear(6, 3)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.words(tokens).sum(1) / lengths[:, None])


LENGTHS = choose(5, N).add(2).tolist()
SENTENCES = [1 + choose(10, length, seed=row) for row, length in enumerate(LENGTHS)]


def with_lengths(batch: list[Any]) -> tuple[Tensor, Tensor, Tensor]:
    tokens, labels = zip(*batch, strict=True)
    lengths = torch.tensor([len(each) for each in tokens])
    return pad_sequence(tokens, batch_first=True), lengths, torch.tensor(labels)


def padding() -> Script:
    data = items(SENTENCES, Y.tolist())
    return Script(made(Recurrent), loader(data, collate_fn=with_lengths), cross_entropy)


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(11, 6), nn.Linear(6, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        seen = self.words(input_ids) * attention_mask[..., None]
        return self.head(seen.sum(1) / attention_mask.sum(1, keepdim=True))


def padded_by_a_mask(batch: list[Any]) -> dict[str, Tensor]:
    columns = {name: [torch.as_tensor(one[name]) for one in batch] for name in batch[0]}
    labels = torch.stack(columns.pop("labels"))
    return {name: pad_sequence(c, batch_first=True) for name, c in columns.items()} | {
        "labels": labels
    }


def unpadded_with_a_mask() -> Script:
    masks = [[1] * length for length in LENGTHS]
    data = items(input_ids=[s.tolist() for s in SENTENCES], attention_mask=masks, labels=Y.tolist())
    return Script(
        made(Masked),
        loader(data, collate_fn=padded_by_a_mask),
        cross_entropy,
        data=data,
        step=lambda m, b: (m(b["input_ids"], b["attention_mask"]), b["labels"]),
    )


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return zip(X, Y, strict=True)


def iterable() -> Script:
    # The order is the stream's own: the loop says which rows a batch holds.
    batches = [list(range(N))[start : start + 5] for start in range(0, N, 5)]
    stream = torch.utils.data.DataLoader(Stream(), batch_size=5)
    return Script(net(4, 3), stream, cross_entropy, data=Stream(), alone=IN_MEMORY, rows=batches)


class Augmented(Dataset[Any]):
    def __init__(self, noise: float) -> None:
        self.noise = noise

    def __len__(self) -> int:
        return N

    def __getitem__(self, row: int) -> Any:
        return X[row] + self.noise * torch.randn(4), int(Y[row])


def random_transforms() -> Script:
    return Script(
        net(4, 3), loader(Augmented(0.3)), cross_entropy, data=Augmented(0.0), alone=IN_MEMORY
    )


class Compiled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def normalised_with_dropout() -> Script:
    return Script(made(Compiled), loader(TensorDataset(X, Y)), cross_entropy)


SCRIPTS: list[Callable[[], Script]] = [
    weighted,
    batch_sampler,
    workers,
    padding,
    unpadded_with_a_mask,
    iterable,
    random_transforms,
    normalised_with_dropout,
]


@pytest.mark.parametrize("build", SCRIPTS, ids=lambda build: build.__name__)
def test_recorded_and_traced(build: Callable[[], Script], tmp_path: Path) -> None:
    script = build()
    require_exact(script, record(script, tmp_path / "run"))


def test_a_loader_is_taken_wherever_data_are(tmp_path: Path) -> None:
    made = padding()
    run = record(made, tmp_path / "run")
    data, queries = made.loader, loader(made.loader.dataset, collate_fn=with_lengths)
    tracer = radiotracer.Tracer(made.model, run)
    assert tracer.top(data, queries, top_k=3).proponents_rows.shape == (N, 3)
    assert tracer.replay(data, queries, reduce="sum").fidelity.exact
    tracer.write_store(data, tmp_path / "store")
    assert tracer.open_store(queries, tmp_path / "store").top(queries, top_k=2) is not None
    assert radiotracer.explain(made.model, run, data, queries, rows=[0, 5]).rows.tolist() == [0, 5]
    assert len(radiotracer.scan(made.model, run, data, queries).decision.ranks) == N
