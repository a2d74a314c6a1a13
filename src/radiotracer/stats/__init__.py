"""Exact nulls: how probable is what was seen, had chance alone decided?

Conventions of everything that serves audits (`conformal.py`, `cross_conformal.py` and
`closed_testing.py`, which serve scans, have their own):

- A p-value is one-sided, large statistics being the evidence, and it is given as its base-10
  logarithm (``log10_p``, never above 0): evidence of 1e-400 is as ordinary as evidence of 0.01, and
  no function underflows to a p-value of zero.
- P(p <= alpha) <= alpha under the null, for every alpha. With "exact" the p-value is the null
  probability itself, up to rounding; a "bound" is never smaller than that.
- Statistics with ties or few values have discrete p-values: larger than uniform ones at most
  levels, which is the safe side for `fisher`, `holm` and the one-sided part of `uniformity`.
- Functions are pure, compute in float64 and take no seed: the chance that is being counted was
  drawn before, by the secret key.
"""

from radiotracer.stats.binomial import binomial_log10_p as binomial_log10_p
from radiotracer.stats.binomial import clopper_pearson as clopper_pearson
from radiotracer.stats.binomial import coins_log10_bound as coins_log10_bound
from radiotracer.stats.binomial import coins_log10_p as coins_log10_p
from radiotracer.stats.binomial import poisson_binomial_log10_p as poisson_binomial_log10_p
from radiotracer.stats.closed_testing import at_least as at_least
from radiotracer.stats.combine import fisher as fisher
from radiotracer.stats.combine import holm as holm
from radiotracer.stats.conformal import clean_share as clean_share
from radiotracer.stats.conformal import conformal_p_values as conformal_p_values
from radiotracer.stats.conformal import conformal_p_values_by_group as conformal_p_values_by_group
from radiotracer.stats.conformal import flagged as flagged
from radiotracer.stats.conformal import q_values as q_values
from radiotracer.stats.conformal import smallest_reference as smallest_reference
from radiotracer.stats.cosine import cosine_log10_p as cosine_log10_p
from radiotracer.stats.cosine import cosine_needed as cosine_needed
from radiotracer.stats.cross_conformal import cross_conformal_p_values as cross_conformal_p_values
from radiotracer.stats.signflip import SignFlip as SignFlip
from radiotracer.stats.signflip import Weighting as Weighting
from radiotracer.stats.signflip import signflip as signflip
from radiotracer.stats.signflip import signflip_control as signflip_control
from radiotracer.stats.signflip import signflip_sum as signflip_sum
from radiotracer.stats.uniformity import Uniformity as Uniformity
from radiotracer.stats.uniformity import uniformity as uniformity
