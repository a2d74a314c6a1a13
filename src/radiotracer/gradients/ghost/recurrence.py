"""torch's recurrent layers and cells, in operations that have rules.

torch runs a recurrent layer in one kernel, which tells nothing of its steps. With errors e_t at the
gates of step t, the gradient of its recurrent weight is ``sum_t e_t (outer) h_{t-1}``, so its steps
have to be seen: here they are matrix products one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

State = tuple[Tensor, ...]
"""What a step hands to the next one: what it says, shape (n, h), and what it keeps to itself."""

Step = Callable[[Tensor, Tensor, State], State]
"""The gates' parts from the input and from the state, each (n, gates * h), and the state."""


def lstm(inputs: Tensor, recurrent: Tensor, state: State) -> State:
    """Hochreiter & Schmidhuber (1997), with a forget gate."""
    gates = inputs + recurrent
    enter, forget, change, leave = gates.chunk(4, dim=1)
    cell = forget.sigmoid() * state[1] + enter.sigmoid() * change.tanh()
    return leave.sigmoid() * cell.tanh(), cell


def gru(inputs: Tensor, recurrent: Tensor, state: State) -> State:
    """Cho et al. (2014), the reset gate after the matrix product."""
    size = state[0].shape[1]
    reset, update = (inputs + recurrent)[:, : 2 * size].sigmoid().chunk(2, dim=1)
    change = (inputs[:, 2 * size :] + reset * recurrent[:, 2 * size :]).tanh()
    return (change + update * (state[0] - change),)


def tanh(inputs: Tensor, recurrent: Tensor, state: State) -> State:
    """Elman (1990)."""
    return ((inputs + recurrent).tanh(),)


def relu(inputs: Tensor, recurrent: Tensor, state: State) -> State:
    """The same with another activation."""
    return ((inputs + recurrent).relu(),)


def cell(step: Step) -> Callable[..., Any]:
    """One step, called as `torch.lstm_cell` and its like are."""

    def run(  # noqa: PLR0917
        input: Tensor,
        hx: Tensor | State,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Tensor | State:
        state = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        found = step(F.linear(input, w_ih, b_ih), F.linear(state[0], w_hh, b_hh), state)
        return found[0] if isinstance(hx, Tensor) else found

    return run


def layers(step: Step) -> Callable[..., Any]:
    """Steps in layers and directions, called as `torch.lstm` and its like are."""

    def run(  # noqa: PLR0917
        input: Tensor,
        hx: Tensor | State,
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> State:
        directions = 2 if bidirectional else 1
        states = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        starts = list(zip(*(state.unbind(0) for state in states), strict=True))
        each = len(params) // (num_layers * directions)
        output, ends = input if batch_first else input.transpose(0, 1), []
        for layer in range(num_layers):
            said = []
            for direction in range(directions):
                number = directions * layer + direction
                weights = params[number * each : (number + 1) * each]
                steps, end = _through(
                    step, output, starts[number], weights, has_biases, backwards=direction == 1
                )
                said.append(steps)
                ends.append(end)
            output = torch.cat(said, dim=2) if bidirectional else said[0]
        output = output if batch_first else output.transpose(0, 1)
        return output, *(torch.stack(parts) for parts in zip(*ends, strict=True))

    return run


def _through(
    step: Step,
    inputs: Tensor,
    state: State,
    weights: Sequence[Tensor],
    has_biases: bool,
    *,
    backwards: bool,
) -> tuple[Tensor, State]:
    """One layer in one direction: what it said, shape (n, T, h), and its last state."""
    into, recurrent, *more = weights
    biases, projection = (more[:2], more[2:]) if has_biases else ((None, None), more)
    inside = F.linear(inputs, into, biases[0])
    if step is not gru and biases[1] is not None:
        # Added all at once, where the recurrent part is not multiplied by anything before.
        inside, biases = inside + biases[1], (None, None)
    gates = inside.unbind(1)
    said = []
    for now in reversed(gates) if backwards else gates:
        state = step(now, F.linear(state[0], recurrent, biases[1]), state)
        if projection:
            state = (F.linear(state[0], projection[0]), *state[1:])
        said.append(state[0])
    return torch.stack(said[::-1] if backwards else said, dim=1), state


LAYERS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.lstm: layers(lstm),
    torch.gru: layers(gru),
    torch.rnn_tanh: layers(tanh),
    torch.rnn_relu: layers(relu),
}

CELLS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.lstm_cell: cell(lstm),
    torch.gru_cell: cell(gru),
    torch.rnn_tanh_cell: cell(tanh),
    torch.rnn_relu_cell: cell(relu),
}


def in_steps(func: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any] | None:
    """The same operation in several, where it is recurrent.

    Not for packed sequences, which do not say whose steps are whose, nor where dropout draws.
    """
    if func not in LAYERS:
        return CELLS.get(func)
    *_, has_biases, _, dropout, train, _, _ = args
    plain = isinstance(has_biases, bool) and not (train and dropout)
    return LAYERS[func] if plain else None
