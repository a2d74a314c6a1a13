"""How one example moves the weights: the engines that every influence formula stands on.

==================  ===========================================  =================================
engine              returns                                     cost, in forward passes
==================  ===========================================  =================================
`directional`       ``<g_i, v>``, shape (n,)                    about 3, memory of 2 inferences
`directional_many`  ``<g_i, v_k>``, shape (n, K)                2 to 3, and 1 for each direction
`square_norm`       ``||g_i||^2``, shape (n,)                   2 to 3: forward, backward
`inner`             ``<g_i, g_j>``, shape (n, m)                the same, and little per pair
`last_layer`        factors of the last layer's gradients       1
`dense`             ``g_i`` in full, shape (n, parameters)      about 50: the oracle
==================  ===========================================  =================================

Work is done where the network is: batches have to be there, and results are there. They are float64
(float32 on devices without it, see `precision.py`).
"""

from radiotracer.data.examples import Data as Data
from radiotracer.gradients.batches import count as count
from radiotracer.gradients.batches import first_input as first_input
from radiotracer.gradients.batches import in_batches as in_batches
from radiotracer.gradients.batches import require_some as require_some
from radiotracer.gradients.copies import private_copy as private_copy
from radiotracer.gradients.copies import require_network as require_network
from radiotracer.gradients.dense import DENSE_BATCH as DENSE_BATCH
from radiotracer.gradients.dense import per_example_gradients as per_example_gradients
from radiotracer.gradients.dense import weighted_inner as weighted_inner
from radiotracer.gradients.dense import weighted_square_norm as weighted_square_norm
from radiotracer.gradients.derivatives import Directional as Directional
from radiotracer.gradients.derivatives import Route as Route
from radiotracer.gradients.derivatives import RouteName as RouteName
from radiotracer.gradients.derivatives import directional as directional
from radiotracer.gradients.derivatives import directional_many as directional_many
from radiotracer.gradients.derivatives import route_of as route_of
from radiotracer.gradients.devices import AUTO as AUTO
from radiotracer.gradients.devices import available_devices as available_devices
from radiotracer.gradients.devices import device_named as device_named
from radiotracer.gradients.devices import device_of as device_of
from radiotracer.gradients.frozen import frozen_copy as frozen_copy
from radiotracer.gradients.frozen import inputs_for as inputs_for
from radiotracer.gradients.frozen import penultimate as penultimate
from radiotracer.gradients.frozen import require_linear_head as require_linear_head
from radiotracer.gradients.ghost import Form as Form
from radiotracer.gradients.ghost import Full as Full
from radiotracer.gradients.ghost import Geometry as Geometry
from radiotracer.gradients.ghost import Kept as Kept
from radiotracer.gradients.ghost import Measured as Measured
from radiotracer.gradients.ghost import NoRule as NoRule
from radiotracer.gradients.ghost import Outer as Outer
from radiotracer.gradients.ghost import Patches as Patches
from radiotracer.gradients.ghost import Plan as Plan
from radiotracer.gradients.ghost import Rows as Rows
from radiotracer.gradients.ghost import inner as inner
from radiotracer.gradients.ghost import keep as keep
from radiotracer.gradients.ghost import measure as measure
from radiotracer.gradients.ghost import plan_for as plan_for
from radiotracer.gradients.ghost import register_rule as register_rule
from radiotracer.gradients.ghost import square_norm as square_norm
from radiotracer.gradients.ghost import walk as walk
from radiotracer.gradients.head import find_head as find_head
from radiotracer.gradients.language import IGNORED as IGNORED
from radiotracer.gradients.language import causal_lm_loss as causal_lm_loss
from radiotracer.gradients.last_layer import LastLayerGradients as LastLayerGradients
from radiotracer.gradients.last_layer import LastLayerSum as LastLayerSum
from radiotracer.gradients.last_layer import last_layer_gradients as last_layer_gradients
from radiotracer.gradients.matching import gradient_cosine as gradient_cosine
from radiotracer.gradients.matching import mean_gradient as mean_gradient
from radiotracer.gradients.memory import is_out_of_memory as is_out_of_memory
from radiotracer.gradients.notes import engine_notes as engine_notes
from radiotracer.gradients.notes import engines_of as engines_of
from radiotracer.gradients.objective import Evaluation as Evaluation
from radiotracer.gradients.objective import Objective as Objective
from radiotracer.gradients.objective import Parameters as Parameters
from radiotracer.gradients.objective import patterns as patterns
from radiotracer.gradients.objective import require_finite_losses as require_finite_losses
from radiotracer.gradients.precision import WHOLE as WHOLE
from radiotracer.gradients.precision import Precision as Precision
from radiotracer.gradients.precision import wide as wide
from radiotracer.gradients.project import ProjectionConfig as ProjectionConfig
from radiotracer.gradients.project import feature_widths as feature_widths
from radiotracer.gradients.project import project as project
from radiotracer.gradients.representations import PENULTIMATE as PENULTIMATE
from radiotracer.gradients.representations import Representation as Representation
from radiotracer.gradients.representations import layer_names as layer_names
from radiotracer.gradients.representations import represent as represent
from radiotracer.gradients.shrinking import Fitting as Fitting
from radiotracer.gradients.summed import summed_gradient as summed_gradient
from radiotracer.gradients.task import Batch as Batch
from radiotracer.gradients.task import LossFunction as LossFunction
from radiotracer.gradients.task import LossTask as LossTask
from radiotracer.gradients.task import Task as Task
from radiotracer.gradients.task import cross_entropy as cross_entropy
from radiotracer.gradients.task import task_of as task_of
from radiotracer.gradients.task import words_of as words_of
