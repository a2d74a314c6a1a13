"""One way to rank examples per file, all behind one protocol; higher = more suspicious."""

from radiotracer.detectors.activation_clustering import ACTIVATION_CLUSTERING
from radiotracer.detectors.baselines import LOSS, MARGIN, NORM, Random
from radiotracer.detectors.confident_learning import CONFIDENT_LEARNING
from radiotracer.detectors.contrast import Contrast
from radiotracer.detectors.decide import FALLBACK as FALLBACK
from radiotracer.detectors.decide import Decision as Decision
from radiotracer.detectors.decide import Rule as Rule
from radiotracer.detectors.decide import Tail as Tail
from radiotracer.detectors.decide import calibrated as calibrated
from radiotracer.detectors.decide import decide as decide
from radiotracer.detectors.deep_knn import DEEP_KNN
from radiotracer.detectors.fit import GAS_UNKNOWN_TARGET
from radiotracer.detectors.influence import (
    GAS,
    SELF_INFLUENCE,
    SELF_INFLUENCE_LAST_LAYER,
    TRACIN_CP,
    TRACIN_LAST_LAYER,
)
from radiotracer.detectors.known_target import KnownTarget
from radiotracer.detectors.label_posterior import LabelPosterior
from radiotracer.detectors.metrics import Decided as Decided
from radiotracer.detectors.metrics import Detection as Detection
from radiotracer.detectors.metrics import decided as decided
from radiotracer.detectors.metrics import detection as detection
from radiotracer.detectors.protocol import Detector as Detector
from radiotracer.detectors.protocol import Need as Need
from radiotracer.detectors.protocol import Observation as Observation
from radiotracer.detectors.protocol import Ranking as Ranking
from radiotracer.detectors.protocol import Seen as Seen
from radiotracer.detectors.protocol import Survey as Survey
from radiotracer.detectors.protocol import Trace as Trace
from radiotracer.detectors.reference import Reference as Reference
from radiotracer.detectors.reference import Tested as Tested
from radiotracer.detectors.reference import against as against
from radiotracer.detectors.reference import reference_warnings as reference_warnings
from radiotracer.detectors.spectral_signatures import SPECTRAL_SIGNATURES
from radiotracer.detectors.summed import Summed as Summed
from radiotracer.detectors.surveyed import Surveyed as Surveyed

DETECTORS: dict[str, Detector] = {
    detector.name: detector
    for detector in (
        Contrast(),
        LabelPosterior(),
        TRACIN_CP,
        GAS,
        TRACIN_LAST_LAYER,
        SELF_INFLUENCE_LAST_LAYER,
        SELF_INFLUENCE,
        KnownTarget(),
        GAS_UNKNOWN_TARGET,
        DEEP_KNN,
        SPECTRAL_SIGNATURES,
        ACTIVATION_CLUSTERING,
        CONFIDENT_LEARNING,
        LOSS,
        MARGIN,
        NORM,
        Random(),
    )
}
"""Every detector by name, in the order of tables."""

DEFAULT_DETECTOR = "contrast"
"""The detector that decides when none is named, and it can run; else it is `FALLBACK`."""

KNOWN_TARGET = "known-target"
"""The detector that decides when an incident is given."""

BASELINES = tuple(name for name, detector in DETECTORS.items() if detector.baseline)
"""Yardsticks; they always run."""
