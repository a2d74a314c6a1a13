from __future__ import annotations

import sys
from pathlib import Path

# `left_as_found` lives with the tests of the gradients.
sys.path.append(str(Path(__file__).parents[1] / "gradients"))
