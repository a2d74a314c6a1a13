"""Norms and inner products of per-example gradients that are never written out.

`engine.py` has the functions. `tape.py` watches the network use its parameters (`uses.py`), through
torch's operations (`operations.py`), the parts that some are made of (`composites.py`,
`recurrence.py`), copies for each example (`spread.py`) and functions of parameters alone
(`derived.py`). `plan.py` proves on two examples that what it saw is right (`truth.py`). `rules/`
says, per torch operation, which form the gradients have: `forms.py`, `patches.py` (convolutions),
`tables.py` (embeddings) and `sums.py` (reuse).
"""

from radiotracer.gradients.ghost.engine import Kept as Kept
from radiotracer.gradients.ghost.engine import along as along
from radiotracer.gradients.ghost.engine import inner as inner
from radiotracer.gradients.ghost.engine import keep as keep
from radiotracer.gradients.ghost.engine import square_norm as square_norm
from radiotracer.gradients.ghost.engine import walk as walk
from radiotracer.gradients.ghost.forms import Form as Form
from radiotracer.gradients.ghost.forms import Full as Full
from radiotracer.gradients.ghost.forms import Outer as Outer
from radiotracer.gradients.ghost.measure import Measured as Measured
from radiotracer.gradients.ghost.measure import measure as measure
from radiotracer.gradients.ghost.patches import Geometry as Geometry
from radiotracer.gradients.ghost.patches import Patches as Patches
from radiotracer.gradients.ghost.plan import Plan as Plan
from radiotracer.gradients.ghost.plan import dense_parameters as dense_parameters
from radiotracer.gradients.ghost.plan import plan_for as plan_for
from radiotracer.gradients.ghost.rules import NoRule as NoRule
from radiotracer.gradients.ghost.rules import register_rule as register_rule
from radiotracer.gradients.ghost.tables import Rows as Rows
