"""The model that an audit asks: one small protocol, one file per kind of model.

A suspect is asked about examples of one modality. Scores are log-probabilities, float64 of shape
(n, columns). Importing this imports neither torch nor any client library; opening a suspect imports
what its kind needs.
"""

from radiotracer.provenance.models.answered import answered_suspect as answered_suspect
from radiotracer.provenance.models.function import function_suspect as function_suspect
from radiotracer.provenance.models.kind import KINDS as KINDS
from radiotracer.provenance.models.kind import Kind as Kind
from radiotracer.provenance.models.kind import Request as Request
from radiotracer.provenance.models.log import Logged as Logged
from radiotracer.provenance.models.opening import open_suspect as open_suspect
from radiotracer.provenance.models.opening import reopened as reopened
from radiotracer.provenance.models.protocol import Access as Access
from radiotracer.provenance.models.protocol import Answers as Answers
from radiotracer.provenance.models.protocol import Outputs as Outputs
from radiotracer.provenance.models.protocol import Suspect as Suspect
from radiotracer.provenance.models.protocol import network_of as network_of
from radiotracer.provenance.models.protocol import require_access as require_access
