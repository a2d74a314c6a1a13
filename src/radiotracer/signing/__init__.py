"""Who vouches for a folder: one signature over every file of it, and what it is held against.

A signature binds what nothing that is computed again could tell: times, versions, names for people.
It says that a key signed these files; whose key that is, others have to know.
"""

from radiotracer.signing.checking import Standing as Standing
from radiotracer.signing.checking import check as check
from radiotracer.signing.checking import public_key_of as public_key_of
from radiotracer.signing.key import SigningKey as SigningKey
from radiotracer.signing.signature import SIGNATURE_FILE as SIGNATURE_FILE
from radiotracer.signing.signature import Signature as Signature
from radiotracer.signing.signature import sign as sign
