"""Real pulses that were published, and so found in the beacons' and other projects' documents."""

from __future__ import annotations

import json
from typing import Any

QUICKNET: dict[str, Any] = {
    "round": 657413,
    "randomness": "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587",
    "signature": "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56"
    "e91a6b85b89cd97b",
}
"""drand quicknet."""

QUICKNET_123: dict[str, Any] = {
    "round": 123,
    "randomness": "fb8f7bc29bf24db51871ec8c79f3a1e4bd0557bc0dfcee9ed1d924e69d1c60dc",
    "signature": "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d354"
    "6d23c4b13e0dfc92",
}

DEFAULT: dict[str, Any] = {
    "round": 3311596,
    "randomness": "647c07b2abbf7ff2afb4d670214f565e5cd9f9c91bfdcecb59a21f3c78d73920",
    "signature": "a696b9409ababce45749c3a4ec369074453dd4a79967734e1390d969c8ad8d98897d217b9121e92c"
    "8ddebbddda8d92f900e3bd6bf9deb166863b1a19390d743f82774001487594c5c09e581db7365f02b70a2c8cc41ce3"
    "2446ef08e4890c4754",
    "previous_signature": "8ed588f2a7716fb1349e2d9803da5db0005e98a83783c353d4a08f183236a9ad91d70ddb"
    "01266f4b7c576983db464b430e65680b9e0098552758afd6c1e6afcb77e3f62fe1b93d42d1cb63abbb2205512fe12f"
    "bf74ea9c5ac3b8f5c1e283a1d8",
}
"""drand's first chain."""

DEFAULT_1: dict[str, Any] = {
    "round": 1,
    "randomness": "101297f1ca7dc44ef6088d94ad5fb7ba03455dc33d53ddb412bbc4564ed986ec",
    "signature": "8d61d9100567de44682506aea1a7a6fa6e5491cd27a0a0ed349ef6910ac5ac20ff7bc3e09d7c0465"
    "66c9f7f3c6f3b10104990e7cb424998203d8f7de586fb7fa5f60045417a432684f85093b06ca91c769f0e7ca192683"
    "75e659c2a2352b4655",
    "previous_signature": "176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
}

FASTNET: dict[str, Any] = {
    "round": 5713537,
    "randomness": "5cb6e1643c07234ce4b89ed5b0ced4a2336c729edf2f6138b16a74618d6df6b7",
    "signature": "9391bf57538cf1c0012fabc0d933408d21f785324bcbb4f9850503e5a31e268f6e523e1c1db91ab4"
    "bf950752474e1580",
}
"""A genuine round of a chain that has ended and is not known: its domain is not RFC 9380's."""


def json_of(pulse: dict[str, Any]) -> bytes:
    """As a server sends it."""
    return json.dumps(pulse).encode()
