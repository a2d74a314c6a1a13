"""Published architectures with tables of relative positions, windows and scans: all by rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ghost_helpers import batch_of, check, objective_for
from torch import Tensor, nn

transformers: Any = pytest.importorskip("transformers")

WORDS = {"vocab_size": 40, "num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 12}
HEADS = {"num_attention_heads": 2, "num_labels": 3}
IMAGES = {"image_size": 16, "num_labels": 3}
WINDOWS = {"patch_size": 2, "embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}


class Logits(nn.Module):
    """What a model says of a whole example."""

    def __init__(self, kind: str, task: str, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(**options)
        self.model = getattr(transformers, f"{kind}{task}")(config)

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.model(inputs)
        logits: Tensor | None = getattr(found, "logits", None)
        return found.last_hidden_state.mean(dim=1) if logits is None else logits


MODELS: dict[str, Callable[[], nn.Module]] = {
    "DeBERTa": lambda: Logits("Deberta", "ForSequenceClassification", **WORDS, **HEADS, **RELATIVE),
    "DeBERTa 2": lambda: Logits(
        "DebertaV2",
        "ForSequenceClassification",
        **{**WORDS, **HEADS, **RELATIVE, "position_buckets": 4, "share_att_key": True},
    ),
    "Swin": lambda: Logits("Swin", "ForImageClassification", **IMAGES, **WINDOWS),
    "Swin 2": lambda: Logits("Swinv2", "ForImageClassification", **IMAGES, **WINDOWS),
    "BEiT": lambda: Logits(
        "Beit",
        "ForImageClassification",
        **{**WORDS, **HEADS, **IMAGES, "patch_size": 8, "use_relative_position_bias": True},
    ),
    "T5": lambda: Logits(
        "T5", "EncoderModel", vocab_size=40, d_model=8, d_kv=4, d_ff=12, num_layers=2, num_heads=2
    ),
    "Mamba": lambda: Logits(
        "Mamba", "Model", vocab_size=40, hidden_size=8, num_hidden_layers=1, state_size=3
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_by_rules(name: str) -> None:
    model = MODELS[name]().double()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    images = name in {"Swin", "Swin 2", "BEiT"}
    batch = batch_of(torch.rand(4, 3, 16, 16).double() if images else torch.randint(1, 40, (4, 6)))
    check(objective_for(model, batch), batch)
