"""One way to tamper per file; every recipe returns the tampered examples and their manifest."""

from radiotracer.recipes.label_flip import random_flip as random_flip
from radiotracer.recipes.label_flip import require_fraction as require_fraction
from radiotracer.recipes.label_flip import targeted_flip as targeted_flip
from radiotracer.recipes.manifest import MANIFEST_FILE as MANIFEST_FILE
from radiotracer.recipes.manifest import Manifest as Manifest

RECIPES = ("random-flip", "targeted-flip")
"""Recipes by the name that `radiotracer tamper --recipe` takes."""
