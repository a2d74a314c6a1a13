"""One way to tamper per file; every recipe returns the tampered examples and their manifest."""

from radiotracer.recipes.art_recipe import Poisoner as Poisoner
from radiotracer.recipes.art_recipe import from_art as from_art
from radiotracer.recipes.attack import ATTACK_FILE as ATTACK_FILE
from radiotracer.recipes.attack import Attack as Attack
from radiotracer.recipes.attack import Crafted as Crafted
from radiotracer.recipes.attack import success as success
from radiotracer.recipes.bullseye_polytope import bullseye_polytope as bullseye_polytope
from radiotracer.recipes.choosing import require_fraction as require_fraction
from radiotracer.recipes.feature_collision import feature_collision as feature_collision
from radiotracer.recipes.gradient_matching import gradient_matching as gradient_matching
from radiotracer.recipes.label_flip import confusion_flip as confusion_flip
from radiotracer.recipes.label_flip import nearest_flip as nearest_flip
from radiotracer.recipes.label_flip import random_flip as random_flip
from radiotracer.recipes.label_flip import targeted_flip as targeted_flip
from radiotracer.recipes.manifest import MANIFEST_FILE as MANIFEST_FILE
from radiotracer.recipes.manifest import Manifest as Manifest
from radiotracer.recipes.patch import Corner as Corner
from radiotracer.recipes.patch import triggered as triggered
from radiotracer.recipes.patch_backdoor import clean_label_backdoor as clean_label_backdoor
from radiotracer.recipes.patch_backdoor import patch_backdoor as patch_backdoor
from radiotracer.recipes.phrase import TextAttack as TextAttack
from radiotracer.recipes.phrase import phrased as phrased
from radiotracer.recipes.phrase import text_success as text_success
from radiotracer.recipes.phrase_backdoor import clean_label_phrase as clean_label_phrase
from radiotracer.recipes.phrase_backdoor import phrase_backdoor as phrase_backdoor

RECIPES = (
    "random-flip",
    "targeted-flip",
    "nearest-flip",
    "confusion-flip",
    "feature-collision",
    "bullseye-polytope",
    "gradient-matching",
    "patch-backdoor",
    "clean-label-backdoor",
)
"""Recipes for images by name."""
