"""One influence formula per file, all with one sign and one axis order.

Positive = proponent = training on the example lowered the query's loss; negative = opponent.
Training examples are the first axis, queries the second.
"""

from radiotracer.influence.faiss_index import faiss_index as faiss_index
from radiotracer.influence.faiss_index import faiss_top as faiss_top
from radiotracer.influence.gas import gas_pairs as gas_pairs
from radiotracer.influence.gas import gas_sum as gas_sum
from radiotracer.influence.gas import unit_sum as unit_sum
from radiotracer.influence.gas import unless_zero as unless_zero
from radiotracer.influence.inverse_hessian import hessian_embedding as hessian_embedding
from radiotracer.influence.inverse_hessian import influence_functions as influence_functions
from radiotracer.influence.inverse_hessian import (
    influence_functions_self as influence_functions_self,
)
from radiotracer.influence.last_layer import last_layer_pairs as last_layer_pairs
from radiotracer.influence.last_layer import last_layer_self_influence as last_layer_self_influence
from radiotracer.influence.last_layer import last_layer_sum as last_layer_sum
from radiotracer.influence.projected import ProjectionError as ProjectionError
from radiotracer.influence.projected import measure_error as measure_error
from radiotracer.influence.replayed import Replayed as Replayed
from radiotracer.influence.representer import Representer as Representer
from radiotracer.influence.representer import representer as representer
from radiotracer.influence.representer import representer_self_values as representer_self_values
from radiotracer.influence.representer import representer_values as representer_values
from radiotracer.influence.self_influence import self_influence as self_influence
from radiotracer.influence.store import Store as Store
from radiotracer.influence.store import StoreInfo as StoreInfo
from radiotracer.influence.store import write_store as write_store
from radiotracer.influence.top import Ranking as Ranking
from radiotracer.influence.top import Top as Top
from radiotracer.influence.top import strongest as strongest
from radiotracer.influence.top import top_pairs as top_pairs
from radiotracer.influence.tracer import Tracer as Tracer
from radiotracer.influence.tracin import tracin_pairs as tracin_pairs
from radiotracer.influence.tracin import tracin_sum as tracin_sum
from radiotracer.influence.tracin_cp import scale as scale
from radiotracer.influence.tracin_cp import tracin_cp_pairs as tracin_cp_pairs
from radiotracer.influence.tracin_cp import tracin_cp_sum as tracin_cp_sum
from radiotracer.influence.tracin_ideal import tracin_ideal as tracin_ideal
from radiotracer.influence.tracing import Tracing as Tracing
