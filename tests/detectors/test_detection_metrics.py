"""Metrics against numbers counted by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from radiotracer.detectors import decided, detection
from radiotracer.errors import DataError


def test_by_hand() -> None:
    tampered = np.array([1, 0, 1, 0, 0], dtype=bool)
    found = detection(np.array([5.0, 4.0, 3.0, 2.0, 1.0]), tampered)
    # Pairs (tampered above clean): 3 + 2 of 6. Precision at the hits: 1/1 and 2/3, half each.
    assert found.auroc == pytest.approx(5 / 6)
    assert found.auprc == pytest.approx((1 + 2 / 3) / 2)
    assert found.tpr_at_fpr_01 == 0.5 and found.tpr_at_fpr_001 == 0.5


def test_recall_at_a_false_positive_rate() -> None:
    # 1,000 clean examples with scores 1..1000; 4 tampered ones. One clean example lies above
    # 999.5, ten lie above 990.5, eleven lie above 989.5.
    clean = np.arange(1, 1001)
    scores = np.concatenate([clean, [2000.0, 999.5, 990.5, 989.5]])
    found = detection(scores, np.arange(1004) >= 1000)
    assert found.tpr_at_fpr_001 == 0.5
    assert found.tpr_at_fpr_01 == 0.75


@given(data=st.data(), n=st.integers(2, 60))
def test_against_scikit_learn(data: st.DataObject, n: int) -> None:
    scores = np.array(data.draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), float)
    labels = st.lists(st.booleans(), min_size=n, max_size=n)
    tampered = np.array(data.draw(labels.filter(lambda each: 0 < sum(each) < n)))
    suspects = np.array(data.draw(labels))
    found = detection(scores, tampered)
    assert found.auroc == pytest.approx(roc_auc_score(tampered, scores))
    assert found.auprc == pytest.approx(average_precision_score(tampered, scores))
    for limit, value in ((0.01, found.tpr_at_fpr_01), (0.001, found.tpr_at_fpr_001)):
        allowed = [
            (tampered & (scores >= cut)).sum() / tampered.sum()
            for cut in (*scores, np.inf)
            if (~tampered & (scores >= cut)).sum() <= limit * (~tampered).sum()
        ]
        assert value == pytest.approx(max(allowed))
    judged = decided(suspects, tampered)
    assert judged.recall == pytest.approx(recall_score(tampered, suspects))
    assert judged.false_positive_rate == pytest.approx(suspects[~tampered].mean())
    if suspects.any():
        assert judged.precision == pytest.approx(precision_score(tampered, suspects))
    else:
        assert judged.precision is None


def test_nothing_flagged_has_no_precision() -> None:
    found = decided(np.zeros(3, dtype=bool), np.array([True, False, False]))
    assert (found.precision, found.recall, found.false_positive_rate) == (None, 0.0, 0.0)


@pytest.mark.parametrize("share", [False, True])
def test_one_kind_of_example_only(share: bool) -> None:
    with pytest.raises(DataError) as caught:
        detection(np.arange(3.0), np.full(3, share))
    assert str(caught.value) == (
        f"expected both tampered and clean examples in the manifest; got {3 * share} tampered of 3;"
        " judge detectors on data that were tampered with in part"
    )
