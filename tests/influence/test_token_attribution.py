"""Influence on single tokens: a task whose measurement is one token's log-probability."""

from __future__ import annotations

from pathlib import Path

import torch
from influence_helpers import Training
from task_oracle import by_loop, inner
from torch import Tensor, nn

from radiotracer.gradients import Batch, causal_lm_loss
from radiotracer.influence import Tracer
from radiotracer.runs import Run, record

CLOSE = {"rtol": 1e-8, "atol": 1e-12}


class Words(nn.Module):
    """A language model of one recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 5)
        self.mix = nn.GRU(5, 6, batch_first=True)
        self.head = nn.Linear(6, 7)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.mix(self.embed(tokens))[0])


class Token:
    """A query asks for minus the log-probability of the token at one position."""

    def __init__(self, position: int) -> None:
        self.position = position

    def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return causal_lm_loss(model(batch.inputs), batch.targets)

    def measurement(self, model: nn.Module, batch: Batch) -> Tensor:
        said = model(batch.inputs)[:, self.position - 1].log_softmax(dim=1)
        return -said.gather(1, batch.targets[:, self.position, None])[:, 0]


def test_tokens_share_a_sequence_s_influence(tmp_path: Path) -> None:
    """The loss of a sequence is the sum over its tokens, so influence on it is, too."""
    torch.manual_seed(1)
    model, tokens = Words().double(), torch.randint(7, (6, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with record(tmp_path / "run", model, optimizer, (tokens, tokens)) as recording:
        for rows in ([0, 1, 2], [3, 4, 5]):
            optimizer.zero_grad()
            causal_lm_loss(model(tokens[rows]), tokens[rows]).mean().backward()
            recording.batch(rows)
            optimizer.step()
        recording.checkpoint()
    run, asked = Run.open(tmp_path / "run"), torch.randint(7, (2, 5))
    train, queries = (tokens, tokens), (asked, asked)
    whole = Tracer(model, run, causal_lm_loss).influence(train, queries)
    single = [Tracer(model, run, task=Token(t)).influence(train, queries) for t in range(1, 5)]
    torch.testing.assert_close(sum(single), whole, **CLOSE)
    training = Training(
        run, model, train, queries, [dict.fromkeys(dict(model.named_parameters()), 0.6)]
    )
    torch.testing.assert_close(single[1], by_loop(training, Token(2), inner), **CLOSE)
