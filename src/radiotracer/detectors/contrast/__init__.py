"""The detector that compares training examples with validation ones, layer by layer."""

from radiotracer.detectors.contrast.contrast import Contrast as Contrast
from radiotracer.detectors.contrast.crowd import crowd as crowd
from radiotracer.detectors.contrast.doubt import opinions as opinions
