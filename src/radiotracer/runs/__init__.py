"""What a training was: its checkpoints, learning rates, batch order and data identity."""

from radiotracer.runs.fidelity import Difference as Difference
from radiotracer.runs.fidelity import Fidelity as Fidelity
from radiotracer.runs.record import Recording as Recording
from radiotracer.runs.record import record as record
from radiotracer.runs.replay import RecordedBatch as RecordedBatch
from radiotracer.runs.replay import Step as Step
from radiotracer.runs.replay import StepLoss as StepLoss
from radiotracer.runs.replay import TrainingLoss as TrainingLoss
from radiotracer.runs.replay import Watch as Watch
from radiotracer.runs.replay import mean_cross_entropy as mean_cross_entropy
from radiotracer.runs.replay import recorded_batches as recorded_batches
from radiotracer.runs.replay import replay as replay
from radiotracer.runs.rows import TrainingData as TrainingData
from radiotracer.runs.rows import take_rows as take_rows
from radiotracer.runs.run import Run as Run
from radiotracer.runs.schema import Checkpoint as Checkpoint
from radiotracer.runs.schema import InitialWeights as InitialWeights
from radiotracer.runs.schema import ModelSpec as ModelSpec
from radiotracer.runs.schema import RunInfo as RunInfo
from radiotracer.runs.weights import load_weights as load_weights
from radiotracer.runs.weights import put_weights as put_weights
from radiotracer.runs.weights import save_weights as save_weights
