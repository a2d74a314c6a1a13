"""One way to rank examples per file, all behind one protocol; higher = more suspicious."""

from radiotracer.detectors.baselines import LOSS, MARGIN, NORM, Random
from radiotracer.detectors.decide import Decision as Decision
from radiotracer.detectors.decide import Rule as Rule
from radiotracer.detectors.decide import Tail as Tail
from radiotracer.detectors.decide import calibrated as calibrated
from radiotracer.detectors.decide import decide as decide
from radiotracer.detectors.influence import (
    GAS,
    SELF_INFLUENCE,
    SELF_INFLUENCE_LAST_LAYER,
    TRACIN_CP,
    TRACIN_LAST_LAYER,
)
from radiotracer.detectors.label_posterior import LabelPosterior
from radiotracer.detectors.metrics import Decided as Decided
from radiotracer.detectors.metrics import Detection as Detection
from radiotracer.detectors.metrics import decided as decided
from radiotracer.detectors.metrics import detection as detection
from radiotracer.detectors.protocol import Detector as Detector
from radiotracer.detectors.protocol import Need as Need
from radiotracer.detectors.protocol import Observation as Observation
from radiotracer.detectors.protocol import Ranking as Ranking
from radiotracer.detectors.protocol import Trace as Trace
from radiotracer.detectors.summed import Summed as Summed

DETECTORS: dict[str, Detector] = {
    detector.name: detector
    for detector in (
        LabelPosterior(),
        TRACIN_CP,
        GAS,
        TRACIN_LAST_LAYER,
        SELF_INFLUENCE_LAST_LAYER,
        SELF_INFLUENCE,
        LOSS,
        MARGIN,
        NORM,
        Random(),
    )
}
"""Every detector by name, in the order of tables."""

DEFAULT_DETECTOR = "label-posterior"
"""The detector that decides when none is named; it always runs."""

BASELINES = tuple(name for name, detector in DETECTORS.items() if detector.baseline)
"""Yardsticks; they always run."""
