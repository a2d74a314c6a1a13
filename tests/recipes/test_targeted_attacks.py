"""Attacks on one target: they reach what they claim on the stored pixels, and disturb nothing."""

from __future__ import annotations

import copy
import fnmatch

import numpy as np
import pytest
import torch
from recipe_helpers import (
    BASE,
    LABEL,
    Digits,
    check_targeted,
    craft,
    every_attack,
    features,
    largest_change,
    nothing_disturbed,
)
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional as F

from radiotracer.data.modalities.images import to_inputs
from radiotracer.recipes import (
    success,
)
from radiotracer.recipes.parts.pixels import shifted


def relative(found: torch.Tensor, goal: torch.Tensor) -> np.ndarray:
    return ((found - goal).norm(dim=1) / goal.norm()).numpy()


@every_attack
def test_only_pixels_of_the_base_class_change_and_nothing_else(name: str, digits: Digits) -> None:
    target = digits.target(LABEL)
    with nothing_disturbed(digits.model, digits.train):
        made = craft(name, digits, target)
    check_targeted(digits.train, made, target, LABEL, BASE)
    assert made.manifest.recipe == name
    assert made.tried == 6 and 1 <= made.reached <= 6


@every_attack
def test_one_seed_one_result(name: str, digits: Digits) -> None:
    torch.manual_seed(5)
    first = craft(name, digits)
    torch.manual_seed(6)
    second = craft(name, digits)
    np.testing.assert_array_equal(first.examples.content, second.examples.content)
    np.testing.assert_array_equal(first.distances, second.distances)


class Noisy(nn.Module):
    """Draws from torch's global generator in evaluation mode too."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.inside(inputs + 0.05 * torch.randn_like(inputs))
        return output


def test_what_a_network_draws_follows_from_the_seed(digits: Digits) -> None:
    options = {"model": Noisy(digits.model), "tolerance": 10.0, "steps": 5}
    found = []
    for state, seed in ((5, 0), (6, 0), (5, 1)):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        found.append(craft("feature-collision", digits, seed=seed, **options).examples.content)
        assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


@every_attack
@pytest.mark.parametrize(("epsilon", "levels"), [(8 / 255, 8), (0.2, 51), (0.3, 76)])
def test_the_bound_holds_in_stored_pixels(
    name: str, epsilon: float, levels: int, digits: Digits
) -> None:
    loose = {"least_cosine": -1.0} if name == "gradient-matching" else {"tolerance": 10.0}
    made = craft(name, digits, epsilon=epsilon, **loose)
    # Reached exactly: the bound is neither broken nor rounded down by a level too many.
    assert largest_change(digits.train, made.examples) == levels


def test_collisions_are_near_on_the_stored_images(digits: Digits) -> None:
    made = craft("feature-collision", digits, count=20, steps=150)
    poisons = made.examples.content[made.manifest.is_tampered]
    goal = features(digits.model, digits.target(LABEL)[None])
    found = relative(features(digits.model, poisons), goal)
    np.testing.assert_allclose(made.distances, found, atol=1e-5)
    assert made.reached >= 15 and np.median(found) < 0.08
    before = features(digits.model, digits.train.content[made.manifest.is_tampered])
    assert relative(before, goal).min() > 2 * found.max()


def test_bases_are_the_nearest_of_their_class(digits: Digits) -> None:
    made = craft("feature-collision", digits, tolerance=10.0)
    rows = np.flatnonzero(digits.train.labels == BASE)
    goal = features(digits.model, digits.target(LABEL)[None])
    order = relative(features(digits.model, digits.train.content[rows]), goal).argsort()
    assert set(np.flatnonzero(made.manifest.is_tampered)) == set(rows[order[:6]])


def test_a_poison_that_failed_stays_as_it_was(digits: Digits) -> None:
    everything = craft("feature-collision", digits, count=12, tolerance=10.0)
    middle = float(np.median(everything.distances))
    made = craft("feature-collision", digits, count=12, tolerance=middle)
    assert (everything.reached, made.reached, made.tried) == (12, 6, 12)
    np.testing.assert_array_equal(
        made.distances, everything.distances[everything.distances <= middle]
    )
    check_targeted(digits.train, made, digits.target(LABEL), LABEL, BASE)


def test_opacity_1_is_the_target_itself(digits: Digits) -> None:
    made = craft("feature-collision", digits, opacity=1.0, closeness=0.0, steps=1)
    assert made.distances.max() < 0.2


def with_new_head(digits: Digits, images: np.ndarray) -> nn.Module:
    """The network with its last layer trained anew on these images, to the end."""
    fitted = LogisticRegression(max_iter=500, C=100.0).fit(
        features(digits.model, images).numpy(), digits.train.labels
    )
    victim = copy.deepcopy(digits.model)
    with torch.no_grad():
        victim.head.weight.copy_(torch.from_numpy(fitted.coef_))
        victim.head.bias.copy_(torch.from_numpy(fitted.intercept_))
    return victim


def test_a_last_layer_trained_on_collisions_takes_the_target_for_the_base(digits: Digits) -> None:
    # Transfer learning, the paper's setting: the features stay, the last layer is trained anew.
    made = craft("feature-collision", digits, count=40, steps=150)
    assert success(digits.model, made.attack) == 0.0
    for examples, expected in ((digits.train, 0.0), (made.examples, 1.0)):
        assert success(with_new_head(digits, examples.content), made.attack) == expected


def test_the_middle_of_a_polytope_is_the_target(digits: Digits) -> None:
    made = craft("bullseye-polytope", digits, count=8, epsilon=0.4, steps=150, tolerance=0.15)
    poisons = features(digits.model, made.examples.content[made.manifest.is_tampered])
    goal = features(digits.model, digits.target(LABEL)[None])
    found = relative(poisons.mean(dim=0, keepdim=True), goal)
    np.testing.assert_allclose(made.distances, found, atol=1e-5)
    assert made.distances.shape == (1,)
    # Together they are where no single one is.
    assert found[0] < 0.15 and relative(poisons, goal).min() > 1.5 * found[0]


def gradients(model: nn.Module, images: np.ndarray, pattern: str = "*") -> torch.Tensor:
    """Of the mean loss as the base class, by a plain backward pass, shape (weights,)."""
    private = copy.deepcopy(model).eval()
    labels = torch.full((len(images),), BASE)
    F.cross_entropy(private(to_inputs(images)), labels).backward()
    parts = [
        weights.grad.flatten()
        for name, weights in private.named_parameters()
        if fnmatch.fnmatch(name, pattern)
    ]
    return torch.cat(parts)


def cosine_of_gradients(
    model: nn.Module, poisons: np.ndarray, target: np.ndarray, pattern: str = "*"
) -> float:
    flat = [gradients(model, images, pattern) for images in (poisons, target[None])]
    return float(F.cosine_similarity(*flat, dim=0))


def other_network(digits: Digits) -> nn.Module:
    """Another network that knows the digits less well."""
    other = copy.deepcopy(digits.model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in other.parameters():
            weights.add_(0.5 * weights.std() * torch.randn(weights.shape, generator=generator))
    return other


def test_gradients_match_on_the_stored_images(digits: Digits) -> None:
    made = craft("gradient-matching", digits, count=10, steps=60, epsilon=0.2)
    rows = made.manifest.is_tampered
    target = digits.target(LABEL)
    after = cosine_of_gradients(digits.model, made.examples.content[rows], target)
    before = cosine_of_gradients(digits.model, digits.train.content[rows], target)
    np.testing.assert_allclose(made.distances, [1 - after], atol=1e-4)
    assert after > 0.6 and after > before + 0.2


def test_the_best_restart_is_kept(digits: Digits) -> None:
    # The first restart of both is the same, so that more can only be better.
    one = craft("gradient-matching", digits, restarts=1)
    three = craft("gradient-matching", digits, restarts=3)
    assert three.distances[0] <= one.distances[0]


def test_gradient_matching_depends_on_its_seed(digits: Digits) -> None:
    first, second = (craft("gradient-matching", digits, seed=seed) for seed in (0, 1))
    assert (first.examples.content != second.examples.content).any()


@pytest.mark.parametrize(("layers", "pattern"), [((), "*"), (("head.*",), "head.*")])
def test_bases_have_the_longest_gradients_of_their_class(
    layers: tuple[str, ...], pattern: str, digits: Digits
) -> None:
    made = craft("gradient-matching", digits, layers=layers, least_cosine=-1.0)
    rows = np.flatnonzero(digits.train.labels == BASE)
    lengths = [
        float(gradients(digits.model, digits.train.content[[row]], pattern).norm()) for row in rows
    ]
    longest = rows[np.argsort(lengths)[-6:]]
    assert set(np.flatnonzero(made.manifest.is_tampered)) == set(longest)


def test_only_the_gradients_of_the_layers_named_are_matched(digits: Digits) -> None:
    made = craft("gradient-matching", digits, count=10, steps=60, epsilon=0.3, layers=("head.*",))
    poisons, target = made.examples.content[made.manifest.is_tampered], digits.target(LABEL)
    head = cosine_of_gradients(digits.model, poisons, target, "head.*")
    np.testing.assert_allclose(made.distances, [1 - head], atol=1e-4)
    assert head > 0.9 and head > cosine_of_gradients(digits.model, poisons, target) + 0.02


def test_several_networks_are_matched_in_the_mean(digits: Digits) -> None:
    other, target = other_network(digits), digits.target(LABEL)

    def reached(model: object) -> tuple[np.ndarray, float, float]:
        made = craft("gradient-matching", digits, model=model, steps=40, least_cosine=-1.0)
        poisons = made.examples.content[made.manifest.is_tampered]
        found = [cosine_of_gradients(each, poisons, target) for each in (other, digits.model)]
        return made.distances, found[0], found[1]

    distances, *both = reached([other, digits.model])
    np.testing.assert_allclose(distances, [1 - np.mean(both)], atol=1e-4)
    # Matching one network alone leaves the other behind.
    _, alone, _ = reached(digits.model)
    assert both[0] > alone


def test_a_last_layer_trained_on_matched_gradients_takes_the_target_for_the_base(
    digits: Digits,
) -> None:
    made = craft("gradient-matching", digits, count=40, steps=100, epsilon=0.2, layers=("head.*",))
    assert success(digits.model, made.attack) == 0.0
    noise = np.random.default_rng(0).choice([-51, 51], size=digits.train.content.shape)
    noisy = np.where(made.manifest.is_tampered[:, None, None, None], noise, 0)
    shaken = np.clip(digits.train.content + noisy, 0, 255).astype(np.uint8)
    for images, expected in (
        (digits.train.content, 0.0),
        (shaken, 0.0),
        (made.examples.content, 1),
    ):
        assert success(with_new_head(digits, images), made.attack) == expected


def test_gradient_matching_with_shifts(digits: Digits) -> None:
    made = craft("gradient-matching", digits, shift=1, steps=20)
    check_targeted(digits.train, made, digits.target(LABEL), LABEL, BASE)


def test_shifted_images() -> None:
    images = torch.arange(2 * 25.0).reshape(2, 1, 5, 5).requires_grad_()
    assert shifted(images, 0, torch.Generator()) is images
    seen = set()
    for seed in range(30):
        moved = shifted(images, 1, torch.Generator().manual_seed(seed))
        assert moved.shape == images.shape
        # The inner pixel at (2, 2) came from (2 + down, 2 + right) of the same image.
        for image in range(2):
            offset = int(moved[image, 0, 2, 2]) - int(images[image, 0, 2, 2])
            down, right = divmod(offset + 6, 5)
            assert 0 <= down <= 2 and 0 <= right <= 2
            seen.add((down, right))
            inner = images[image, 0, down : down + 3, right : right + 3]
            assert torch.equal(moved[image, 0, 1:4, 1:4], inner)
    assert len(seen) == 9
    torch.autograd.gradcheck(
        lambda x: shifted(x, 1, torch.Generator().manual_seed(3)), images.double()
    )


def test_crafting_in_inference_mode(digits: Digits) -> None:
    expected = craft("feature-collision", digits, steps=20, tolerance=10.0)
    with torch.inference_mode():
        made = craft("feature-collision", digits, steps=20, tolerance=10.0)
    np.testing.assert_array_equal(made.examples.content, expected.examples.content)
