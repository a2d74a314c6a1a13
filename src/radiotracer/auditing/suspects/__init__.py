"""The model that an audit asks: one small protocol, one file per kind of model.

Scores are log-probabilities, float64 of shape (n, classes), images first. Importing this imports
neither torch nor any client library; opening a suspect imports what its kind needs.
"""

from radiotracer.auditing.suspects.log import Logged as Logged
from radiotracer.auditing.suspects.opening import open_suspect as open_suspect
from radiotracer.auditing.suspects.opening import reference_spec as reference_spec
from radiotracer.auditing.suspects.protocol import Access as Access
from radiotracer.auditing.suspects.protocol import Outputs as Outputs
from radiotracer.auditing.suspects.protocol import Suspect as Suspect
from radiotracer.auditing.suspects.protocol import network_of as network_of
from radiotracer.auditing.suspects.protocol import require_access as require_access
