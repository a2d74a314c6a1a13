"""Hugging Face models of random weights: every engine against one backward pass per example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data.inputs import logits
from radiotracer.errors import InputError
from radiotracer.gradients import (
    Batch,
    Objective,
    causal_lm_loss,
    cross_entropy,
    directional,
    directional_many,
    engine_notes,
    inner,
    keep,
    measure,
    per_example_gradients,
    square_norm,
)
from radiotracer.gradients.derivatives import forward_mode as forward_module

transformers = pytest.importorskip("transformers")

N, T, WORDS, CLASSES = 5, 8, 20, 3
SIZES = {
    "vocab_size": WORDS,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 16,
}
GPT2 = {
    "vocab_size": WORDS,
    "n_embd": 12,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 16,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def bert(**options: Any) -> nn.Module:
    config = transformers.BertConfig(num_labels=CLASSES, **SIZES, **options)
    return transformers.BertForSequenceClassification(config)


def gpt2(**options: Any) -> nn.Module:
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2, **options))


def settled(model: nn.Module) -> nn.Module:
    """In double precision, with weights far from those of a new network."""
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


def texts() -> tuple[dict[str, Tensor], Tensor]:
    """Tokens and attention masks of padded texts, and labels that ask for what is no padding."""
    lengths = torch.tensor([8, 5, 7, 3, 6])
    mask = (torch.arange(T) < lengths[:, None]).long()
    words = torch.randint(3, WORDS, (N, T)) * mask
    return {"input_ids": words, "attention_mask": mask}, torch.where(mask.bool(), words, -100)


def world(make: Callable[..., nn.Module], **options: Any) -> tuple[Objective, Batch]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = settled(make(**options))
        inputs, labels = texts()
        classes = torch.randint(0, CLASSES, (N,))
    loss, targets = (cross_entropy, classes) if make is bert else (causal_lm_loss, labels)
    batch = Batch(inputs, targets)
    return Objective.of(model, loss, example=batch.take(slice(1)).inputs), batch


def brute_force(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    model = objective.model
    model.requires_grad_(True)
    named = {name: p for name, p in model.named_parameters() if name in objective.traced}
    rows = []
    for i in range(len(batch)):
        one = {name: value[i : i + 1] for name, value in batch.inputs.items()}
        loss = objective.task.loss(logits(model(**one)), batch.targets[i : i + 1]).sum()
        rows.append(
            torch.autograd.grad(
                loss, list(named.values()), materialize_grads=True, allow_unused=True
            )
        )
    model.requires_grad_(False)
    return {
        name: torch.stack(each) for name, each in zip(named, zip(*rows, strict=True), strict=True)
    }


def flat(parts: dict[str, Tensor], first: int = 0) -> Tensor:
    return torch.cat([part.flatten(first) for part in parts.values()], dim=first)


def near(found: Tensor, expected: Tensor) -> None:
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= 1e-10 * scale


def check(objective: Objective, batch: Batch) -> None:
    """Every engine, by its fastest way, against brute force."""
    g = flat(brute_force(objective, batch), 1)
    assert float(g.norm(dim=1).min()) > 0
    direction = {
        name: torch.sin(torch.arange(value.numel()).to(value)).view(value.shape)
        for name, value in objective.parameters().items()
    }
    v = flat(direction)
    rates = dict.fromkeys(objective.traced, 1.0)
    seen = directional(objective, batch, direction)
    assert seen.route.name == "forward-mode", seen.route
    near(seen.derivatives, g @ v)
    near(directional_many(objective, batch, [direction] * 2).derivatives[:, 0], g @ v)
    near(square_norm(objective, batch, rates), g.square().sum(dim=1))
    near(inner(objective, batch, keep(objective, batch), rates), g @ g.T)
    near(measure(objective, batch, [direction]).along[:, 0], g @ v)
    near(flat(per_example_gradients(objective, batch), 1), g)
    assert engine_notes(objective) == ()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("make", [bert, gpt2])
def test_every_engine_is_exact(make: Callable[..., nn.Module], attention: str) -> None:
    objective, batch = world(make, attn_implementation=attention)
    assert objective.head == ("classifier" if make is bert else None)
    check(objective, batch)


def test_tied_embeddings_count_in_both_places() -> None:
    objective, batch = world(gpt2)
    assert "lm_head.weight" not in objective.traced
    tied = flat(brute_force(objective, batch), 1).square().sum(dim=1)
    free, _ = world(gpt2, tie_word_embeddings=False)
    assert "lm_head.weight" in free.traced
    check(free, batch)
    assert not torch.allclose(tied, flat(brute_force(free, batch), 1).square().sum(dim=1))


def test_padding_row_that_is_attended_does_not_move() -> None:
    """A tied table whose padding row is a word of the texts, which backward passes hold still."""
    objective, batch = world(gpt2)
    model = objective.model
    model.transformer.wte.padding_idx = 5
    # The first two texts, on which engines are proved, do not show it.
    batch.inputs["input_ids"][:2].masked_fill_(batch.inputs["input_ids"][:2] == 5, 6)  # type: ignore[index]
    batch.inputs["input_ids"][2:, 1] = 5  # type: ignore[index]
    batch = Batch(batch.inputs, torch.where(batch.targets < 0, -100, batch.inputs["input_ids"]))
    check(objective, batch)


def test_padding_changes_nothing() -> None:
    objective, batch = world(bert)
    rates = dict.fromkeys(objective.traced, 1.0)
    longer = Batch(
        {name: F.pad(value, (0, 4)) for name, value in batch.inputs.items()}, batch.targets
    )
    near(square_norm(objective, longer, rates), square_norm(objective, batch, rates))


def test_without_plain_kernels_the_route_falls_back_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What forward mode cannot do is noticed, done otherwise, and told."""

    def broken(*_: Any) -> Any:
        raise NotImplementedError("Trying to use forward AD with _flash_attention")

    objective, batch = world(bert)
    monkeypatch.setattr(forward_module, "ForwardRules", broken)
    seen = directional(objective, batch, objective.parameters())
    assert seen.route.name == "double-backward"
    near(
        seen.derivatives,
        flat(brute_force(objective, batch), 1) @ flat(dict(objective.parameters())),
    )
    assert any("flash_attention" in note for note in engine_notes(objective))


def test_the_loss_of_a_sequence_is_what_hugging_face_sums() -> None:
    objective, batch = world(gpt2)
    outputs = objective.evaluate(batch).outputs
    found = causal_lm_loss(outputs, batch.targets)
    asked = (batch.targets[:, 1:] != -100).sum(dim=1)
    for i in range(N):
        one = {name: value[i : i + 1] for name, value in batch.inputs.items()}
        mean = objective.model(**one, labels=batch.targets[i : i + 1]).loss
        # Hugging Face computes its loss in single precision.
        torch.testing.assert_close(found[i].float(), (mean * asked[i]).float())
    whole = objective.model(**batch.inputs, labels=batch.targets).loss
    torch.testing.assert_close((found.sum() / asked.sum()).float(), whole.float())


def test_a_sequence_that_asks_nothing_has_no_influence() -> None:
    objective, batch = world(gpt2)
    targets = batch.targets.clone()
    targets[2] = -100
    # The first position is predicted by none.
    targets[3, 1:] = -100
    silent = Batch(batch.inputs, targets)
    rates = dict.fromkeys(objective.traced, 1.0)
    norms = square_norm(objective, silent, rates)
    assert norms[[2, 3]].tolist() == [0.0, 0.0] and norms[[0, 1, 4]].min() > 0
    along = directional(objective, silent, objective.parameters())
    assert along.derivatives[[2, 3]].tolist() == along.losses[[2, 3]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("outputs", "targets"), [((2, 3), (2,)), ((2, 4, 5), (2, 3))])
def test_other_shapes_are_refused(outputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="logits of shape"):
        causal_lm_loss(torch.zeros(outputs), torch.zeros(targets, dtype=torch.int64))
    with pytest.raises(InputError, match="causal_lm_loss"):
        cross_entropy(torch.zeros(2, 4, 5), torch.zeros(2, 4, dtype=torch.int64))
