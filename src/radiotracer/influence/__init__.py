"""One influence formula per file, all with one sign and one axis order.

Positive = proponent = training on the example lowered the query's loss; negative = opponent.
Training examples are the first axis, queries the second.
"""

from radiotracer.influence.last_layer import last_layer_pairs as last_layer_pairs
from radiotracer.influence.last_layer import last_layer_self_influence as last_layer_self_influence
from radiotracer.influence.last_layer import last_layer_sum as last_layer_sum
from radiotracer.influence.self_influence import self_influence as self_influence
from radiotracer.influence.tracer import Tracer as Tracer
from radiotracer.influence.tracin_cp import scale as scale
from radiotracer.influence.tracin_cp import tracin_cp_pairs as tracin_cp_pairs
from radiotracer.influence.tracin_cp import tracin_cp_sum as tracin_cp_sum
from radiotracer.influence.tracing import Tracing as Tracing
