from __future__ import annotations

import numpy as np
import pytest
from recipe_helpers import Digits
from sklearn.datasets import load_digits

from radiotracer.data import IMAGES, Dataset
from radiotracer.training.loop import TrainConfig, train


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    """Real digits and a small network that knows nine test images in ten: two seconds of work."""
    found = load_digits()
    everything = Dataset(
        modality=IMAGES,
        content=np.minimum(found.images * 16, 255).astype(np.uint8)[..., None],
        labels=found.target.astype(np.int64),
        ids=np.array([f"{row:04d}" for row in range(len(found.target))]),
        class_names=tuple("0123456789"),
        source="digits",
    )
    known = everything.take(np.arange(1200))
    config = TrainConfig(architecture="small-cnn", width=8, epochs=8, batch_size=32, seed=0)
    _, model = train(known, config, tmp_path_factory.mktemp("digits") / "run")
    return Digits(known, everything.take(np.arange(1200, len(everything))), model.eval())
