"""Recurrent layers and cells: exact, by rules, for sequences of any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ghost_helpers import N, Parts, batch_of, check, linear, objective_for, seeded, tokens
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from radiotracer.gradients import plan_for


def layer(kind: type[nn.RNNBase], **options: Any) -> Callable[[], tuple[nn.Module, Tensor]]:
    """Between two others, with the examples in front or in the middle."""

    def forward(m: Any, x: Tensor) -> Tensor:
        found = m.first(x)
        if not m.cell.batch_first:
            found = found.transpose(0, 1)
        said, last = m.cell(found)
        ends = last if isinstance(last, tuple) else (last,)
        said = said if m.cell.batch_first else said.transpose(0, 1)
        return torch.cat([said.flatten(1), *(each.transpose(0, 1).flatten(1) for each in ends)], 1)

    return lambda: (
        Parts(forward, first=linear(), cell=kind(4, 3, **{"batch_first": True, **options})),
        tokens(),
    )


def by_hand(m: Any, x: Tensor) -> Tensor:
    state = None
    for now in m.first(x).unbind(1):
        state = m.cell(now, state)
    return torch.cat(state, dim=1) if isinstance(state, tuple) else state


def hand(kind: type[nn.RNNCellBase], **options: Any) -> Callable[[], tuple[nn.Module, Tensor]]:
    return lambda: (Parts(by_hand, first=linear(), cell=kind(4, 3, **options)), tokens())


def given_start(m: Any, x: Tensor) -> Tensor:
    """From a state that was learned, and another that comes from the example."""
    start = m.start.expand(1, len(x), -1).contiguous(), m.into(x[:, 0])[None]
    return m.cell(x, start)[0]


CASES: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
    "lstm": layer(nn.LSTM),
    "lstm, all at once": layer(
        nn.LSTM, num_layers=2, bidirectional=True, proj_size=2, batch_first=False
    ),
    "lstm, no bias": layer(nn.LSTM, bias=False, proj_size=2),
    "gru": layer(nn.GRU),
    "gru, two layers": layer(nn.GRU, num_layers=2, dropout=0.5),
    "gru, both ways, no bias": layer(nn.GRU, bidirectional=True, bias=False),
    "tanh": layer(nn.RNN, num_layers=2, batch_first=False),
    "relu": layer(nn.RNN, nonlinearity="relu", bidirectional=True),
    "lstm cell": hand(nn.LSTMCell),
    "gru cell": hand(nn.GRUCell),
    "gru cell, no bias": hand(nn.GRUCell, bias=False),
    "tanh cell": hand(nn.RNNCell),
    "relu cell": hand(nn.RNNCell, nonlinearity="relu"),
    "start": lambda: (
        Parts(
            given_start,
            start=torch.randn(1, 1, 3),
            into=nn.Linear(4, 3),
            cell=nn.LSTM(4, 3, batch_first=True),
        ),
        tokens(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_by_rules(name: str) -> None:
    model, batch = seeded(CASES[name])
    check(objective_for(model, batch), batch)


@pytest.mark.parametrize("name", ["lstm, all at once", "gru cell"])
def test_sequences_of_other_lengths_than_the_first(name: str) -> None:
    model, batch = seeded(CASES[name])
    objective = objective_for(model, batch)
    plan = plan_for(objective, batch)
    for length in (6, 2, 1, 9):
        check(objective, batch_of(torch.randn(N, length, 4, dtype=torch.float64)))
        assert plan_for(objective, batch) is plan


def test_packed_sequences_do_not_say_whose_steps_are_whose() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, [x.shape[1]] * len(x), batch_first=True)
        return m.last(pad_packed_sequence(m.cell(packed)[0], batch_first=True)[0])

    model, batch = seeded(
        lambda: (Parts(forward, cell=nn.GRU(4, 4, bias=False), last=linear()), tokens())
    )
    objective = objective_for(model, batch)
    check(objective, batch, dense=["cell.weight_ih_l0", "cell.weight_hh_l0"])
    assert set(plan_for(objective, batch).dense.values()) == {"torch.gru has no rule"}
