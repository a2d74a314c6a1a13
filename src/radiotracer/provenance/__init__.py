"""What makes a mark provable: one secret, all that is drawn from it, and what is committed to.

Nothing here knows about models or images. Carriers are float64 of shape (classes, dimensions) with
classes first; a coin is 0 or 1 and says which twin is published.
"""

from radiotracer.provenance.carriers import carriers as carriers
from radiotracer.provenance.carriers import control_keys as control_keys
from radiotracer.provenance.commitment import Commitment as Commitment
from radiotracer.provenance.commitment import commit as commit
from radiotracer.provenance.commitment import opens as opens
from radiotracer.provenance.commitment import require_opens as require_opens
from radiotracer.provenance.commitment import what_differs as what_differs
from radiotracer.provenance.key import Key as Key
from radiotracer.provenance.key import exposure as exposure
from radiotracer.provenance.merkle import inclusion_proof as inclusion_proof
from radiotracer.provenance.merkle import is_included as is_included
from radiotracer.provenance.merkle import merkle_root as merkle_root
from radiotracer.provenance.twins import published_twins as published_twins
