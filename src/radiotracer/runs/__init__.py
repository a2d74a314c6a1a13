"""What a training was: its checkpoints, learning rates, batch order and data identity."""

from radiotracer.runs.record import Recording as Recording
from radiotracer.runs.record import record as record
from radiotracer.runs.run import Run as Run
from radiotracer.runs.schema import Checkpoint as Checkpoint
from radiotracer.runs.schema import ModelSpec as ModelSpec
from radiotracer.runs.schema import RunInfo as RunInfo
from radiotracer.runs.weights import load_weights as load_weights
from radiotracer.runs.weights import put_weights as put_weights
from radiotracer.runs.weights import save_weights as save_weights
