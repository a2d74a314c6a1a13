"""Every service of the corpus, asked about one image: one line, and soon."""

from __future__ import annotations

import numpy as np
import pytest
from corpus.services import CORPUS, Service, serving

from radiotracer.errors import InputError
from radiotracer.provenance.models.service import service_suspect
from radiotracer.provenance.models.transport import Patience

IMAGES = np.zeros((1, 8, 8, 1), dtype=np.uint8)


@pytest.mark.parametrize("service", CORPUS, ids=[each.name for each in CORPUS])
def test_one_line_and_soon(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    patience = Patience(timeout=0.5, retries=1, most_bytes=10**6, sleep=lambda _: None)
    with serving(service) as url:
        suspect = service_suspect(url, classes=3, patience=patience)
        with pytest.raises(InputError) as caught:
            suspect.scores(IMAGES)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 700
    assert service.says in text
    assert capsys.readouterr() == ("", "")
