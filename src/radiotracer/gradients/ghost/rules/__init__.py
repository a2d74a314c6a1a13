"""One small pure function per torch operation: the form of its parameters' gradients.

A rule is called once for each parameter that an operation used:

    rule(errors, role, *arguments) -> Form

where ``errors`` are the operation's output gradients, ``role`` is the name of the parameter in the
operation's signature (``"weight"``), and ``arguments`` are those of the operation. Errors and the
operation's data come with the example axis first and an axis of k uses per example second: shape
(n, k, ...) where the operation saw (n * k, ...); k is 1 unless examples were folded into the batch.

    @register_rule(torch.nn.functional.linear)
    def linear(errors, role, input, weight, bias=None):
        ...
"""

from radiotracer.gradients.ghost.rules.registry import RULES as RULES
from radiotracer.gradients.ghost.rules.registry import NoRule as NoRule
from radiotracer.gradients.ghost.rules.registry import Rule as Rule
from radiotracer.gradients.ghost.rules.registry import find_rule as find_rule
from radiotracer.gradients.ghost.rules.registry import register_rule as register_rule
