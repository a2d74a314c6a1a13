"""How one example moves the weights: the engines that every influence formula stands on.

=================  ==========================================  =================================
engine             returns                                     cost, in forward passes
=================  ==========================================  =================================
`directional`      ``<g_i, v>``, shape (n,)                    about 3, memory of 2 inferences
`last_layer`       factors of the last layer's gradients       1
`dense`            ``g_i`` in full, shape (n, parameters)      about 50: the oracle
=================  ==========================================  =================================
"""

from radiotracer.gradients.batches import Data as Data
from radiotracer.gradients.batches import count as count
from radiotracer.gradients.batches import first_input as first_input
from radiotracer.gradients.batches import in_batches as in_batches
from radiotracer.gradients.dense import DENSE_BATCH as DENSE_BATCH
from radiotracer.gradients.dense import per_example_gradients as per_example_gradients
from radiotracer.gradients.dense import weighted_inner as weighted_inner
from radiotracer.gradients.dense import weighted_square_norm as weighted_square_norm
from radiotracer.gradients.directional import Directional as Directional
from radiotracer.gradients.directional import directional as directional
from radiotracer.gradients.directional import summed_gradient as summed_gradient
from radiotracer.gradients.last_layer import LastLayerGradients as LastLayerGradients
from radiotracer.gradients.last_layer import LastLayerSum as LastLayerSum
from radiotracer.gradients.last_layer import last_layer_gradients as last_layer_gradients
from radiotracer.gradients.objective import Batch as Batch
from radiotracer.gradients.objective import Evaluation as Evaluation
from radiotracer.gradients.objective import LossFunction as LossFunction
from radiotracer.gradients.objective import Objective as Objective
from radiotracer.gradients.objective import Parameters as Parameters
from radiotracer.gradients.objective import cross_entropy as cross_entropy
from radiotracer.gradients.objective import require_finite_losses as require_finite_losses
