"""What makes a mark provable: a secret key, designs that plant, a commitment, audits, evidence.

`designs` holds what can be planted, one file each; `models` the suspects that an audit asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radiotracer.provenance.key import Key as Key
    from radiotracer.provenance.key import exposure as exposure


def __getattr__(name: str) -> Any:
    """Load the key when it is first asked for: a command's help is not to wait for ciphers."""
    if name not in ("Key", "exposure"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from radiotracer.provenance import key

    return getattr(key, name)
