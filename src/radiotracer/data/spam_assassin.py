"""The SpamAssassin collection of mails as texts: the subject and the body, without other headers.

Headers alone tell almost every spam from ham: the two were collected by other people, at other
times, through other machines. A detector that is judged with them is judged by a shortcut.
"""

from __future__ import annotations

import email
import email.header
import hashlib
import json
import re
from email.message import Message

import numpy as np

from radiotracer.data.builtin import SPAM_ASSASSIN, Split
from radiotracer.data.cache import Report, require_cached
from radiotracer.data.dataset import Dataset
from radiotracer.data.modalities.texts import TEXTS
from radiotracer.data.tar import members

_MAIL = re.compile(r"package/data/((?:easy-ham|hard-ham|spam)-[12]/\d{5})\.[0-9a-f]{32}\.json")
_BODY = ("text/plain", "text/html")
_TEST_OF = 5


def load_spam_assassin(split: Split | None = None, report: Report | None = None) -> Dataset:
    """The mails of one split, fetched if they are not in the cache.

    A text is the subject, an empty line, and every part of the body that is plain text or HTML
    (whose markup stays), decoded. Ids are the collection's groups and numbers
    (``"easy-ham-1/00042"``), labels 0 ``ham`` and 1 ``spam``. About a fifth are the test split:
    those whose body's SHA-256 (white space taken together) says so, so that mails of the same body
    are never on both sides. Mails of one list, or of one campaign with other words, may be.

    Args:
        split: ``"train"`` or ``"test"``; None is the training split.
        report: Takes a line of progress whenever something is fetched.

    Raises:
        DataError: No route worked.
    """
    (path,) = require_cached(SPAM_ASSASSIN, report)
    texts, labels, ids = [], [], []
    for member in members(path):
        if member.content is None or not (found := _MAIL.fullmatch(member.name)):
            continue
        mail = email.message_from_bytes(json.loads(member.content.read())["text"].encode())
        body = "\n".join(filter(None, map(_decoded, mail.walk())))
        if _is_test(body) != (split == "test"):
            continue
        texts.append(f"{_subject(mail)}\n\n{body}")
        labels.append(int(found[1].startswith("spam")))
        ids.append(found[1])
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return Dataset(
        modality=TEXTS,
        content=tuple(texts[row] for row in order),
        labels=np.array(labels, dtype=np.int64)[order],
        ids=np.array(ids, dtype=np.str_)[order],
        class_names=SPAM_ASSASSIN.class_names,
        source=f"{SPAM_ASSASSIN.name}:{split}" if split else SPAM_ASSASSIN.name,
        validation=None if split == "test" else f"{SPAM_ASSASSIN.name}:test",
    )


def _is_test(body: str) -> bool:
    """The same for bodies that differ in white space alone."""
    digest = hashlib.sha256(" ".join(body.split()).encode()).digest()
    return int.from_bytes(digest[:8], "big") % _TEST_OF == 0


def _subject(mail: Message) -> str:
    given = mail.get("subject", "")
    try:
        text = str(email.header.make_header(email.header.decode_header(given)))
    except (LookupError, ValueError, email.errors.MessageError):
        text = str(given)
    return " ".join(_plain(text).split())


def _decoded(part: Message) -> str:
    """The text of a part; empty for one that holds others, or something else."""
    # A mail that claims to have parts and has none holds its text itself.
    if part.get_content_type() not in _BODY and part.get_content_maintype() != "multipart":
        return ""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    for charset in ("utf-8", part.get_content_charset("latin-1"), "latin-1"):
        try:
            return _plain(content.decode(charset))
        except (LookupError, ValueError):
            continue
    return ""


def _plain(text: str) -> str:
    """UTF-8 holds no lone surrogates, which Python puts where bytes could not be decoded."""
    return text.encode("utf-8", "replace").decode()
