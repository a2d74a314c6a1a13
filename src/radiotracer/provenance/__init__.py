"""What makes a mark provable: a secret key, designs that plant, a commitment, audits, evidence.

`designs` holds what can be planted, one file each; `models` the suspects that an audit asks.
"""

from radiotracer.provenance.key import Key as Key
from radiotracer.provenance.key import exposure as exposure
