"""Networks that torch alone would not copy."""

from __future__ import annotations

import copy

import pytest
import torch
from ghost_helpers import N, batch_of, check, objective_for
from gradient_helpers import left_as_found
from torch import nn

from radiotracer.gradients.copies import private_copy


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
def test_weights_that_are_computed_in_each_pass() -> None:
    torch.manual_seed(0)
    layer = nn.utils.weight_norm(nn.Linear(4, 3))
    model = nn.Sequential(nn.Linear(4, 4), layer, nn.Linear(3, 3)).double()
    inputs = torch.randn(N, 2, 4, dtype=torch.float64)
    model(inputs)
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(model)
    with left_as_found(model):
        private = private_copy(model)
    with torch.no_grad():
        private[1].weight_g.mul_(2)
        assert torch.equal(private(inputs)[0], private(inputs)[0])
        assert not torch.equal(private(inputs), model(inputs))
    batch = batch_of(inputs)
    check(objective_for(private_copy(model), batch), batch)
