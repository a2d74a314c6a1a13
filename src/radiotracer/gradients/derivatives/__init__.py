"""How fast each example's loss changes along a direction, for a whole batch at once.

`directional.py` has the functions; `routes.py` chooses between forward mode (`forward_mode.py`,
with faster `forward_rules.py`), double backward and a loop; `probe.py` proves the choice right.
"""

from radiotracer.gradients.derivatives.directional import Directional as Directional
from radiotracer.gradients.derivatives.directional import directional as directional
from radiotracer.gradients.derivatives.directional import directional_many as directional_many
from radiotracer.gradients.derivatives.routes import Route as Route
from radiotracer.gradients.derivatives.routes import RouteName as RouteName
from radiotracer.gradients.derivatives.routes import route_of as route_of
