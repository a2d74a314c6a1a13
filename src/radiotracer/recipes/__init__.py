"""One way to tamper per file; every recipe returns the tampered examples and their manifest.

Recipes import what they compute with when they run: their names and options come quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from radiotracer.recipes.bullseye_polytope import bullseye_polytope as bullseye_polytope
from radiotracer.recipes.clean_label_backdoor import clean_label_backdoor as clean_label_backdoor
from radiotracer.recipes.clean_label_phrase import clean_label_phrase as clean_label_phrase
from radiotracer.recipes.confusion_flip import confusion_flip as confusion_flip
from radiotracer.recipes.feature_collision import feature_collision as feature_collision
from radiotracer.recipes.gradient_matching import gradient_matching as gradient_matching
from radiotracer.recipes.nearest_flip import nearest_flip as nearest_flip
from radiotracer.recipes.parts.choosing import require_share as require_share
from radiotracer.recipes.parts.options import Option as Option
from radiotracer.recipes.parts.recipe import RECIPES as RECIPES
from radiotracer.recipes.parts.recipe import Recipe as Recipe
from radiotracer.recipes.patch_backdoor import patch_backdoor as patch_backdoor
from radiotracer.recipes.phrase_backdoor import phrase_backdoor as phrase_backdoor
from radiotracer.recipes.random_flip import random_flip as random_flip
from radiotracer.recipes.targeted_flip import targeted_flip as targeted_flip

if TYPE_CHECKING:
    from radiotracer.recipes.parts.art_recipe import Poisoner as Poisoner
    from radiotracer.recipes.parts.art_recipe import from_art as from_art
    from radiotracer.recipes.parts.attack import Attack as Attack
    from radiotracer.recipes.parts.attack import Crafted as Crafted
    from radiotracer.recipes.parts.attack import success as success
    from radiotracer.recipes.parts.manifest import MANIFEST_FILE as MANIFEST_FILE
    from radiotracer.recipes.parts.manifest import Manifest as Manifest
    from radiotracer.recipes.parts.patch import Corner as Corner
    from radiotracer.recipes.parts.patch import triggered as triggered
    from radiotracer.recipes.parts.phrase import phrased as phrased
    from radiotracer.recipes.parts.tampered import tampered as tampered

_HEAVY = {
    "Attack": "attack",
    "Corner": "patch",
    "Crafted": "attack",
    "MANIFEST_FILE": "manifest",
    "Manifest": "manifest",
    "Poisoner": "art_recipe",
    "from_art": "art_recipe",
    "phrased": "phrase",
    "success": "attack",
    "tampered": "tampered",
    "triggered": "patch",
}


def __getattr__(name: str) -> Any:
    """Load what is slow to import when it is first asked for."""
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.parts.{_HEAVY[name]}"), name)
    globals()[name] = value
    return value
