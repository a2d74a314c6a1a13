"""The model that an audit asks: one small protocol, one file per kind of model.

Scores are log-probabilities, float64 of shape (n, classes), images first. Importing this imports
neither torch nor any client library; opening a suspect imports what its kind needs.
"""

from radiotracer.provenance.models.log import Logged as Logged
from radiotracer.provenance.models.opening import open_suspect as open_suspect
from radiotracer.provenance.models.opening import reference_spec as reference_spec
from radiotracer.provenance.models.protocol import Access as Access
from radiotracer.provenance.models.protocol import Outputs as Outputs
from radiotracer.provenance.models.protocol import Suspect as Suspect
from radiotracer.provenance.models.protocol import network_of as network_of
from radiotracer.provenance.models.protocol import require_access as require_access
