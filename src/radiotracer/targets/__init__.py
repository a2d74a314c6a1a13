"""Wrong targets that are no single class: several labels per example, and numbers."""

from radiotracer.targets.findings import LabelFinding as LabelFinding
from radiotracer.targets.findings import MultilabelCheck as MultilabelCheck
from radiotracer.targets.multilabel import check_multilabel as check_multilabel
from radiotracer.targets.regression import check_regression as check_regression
from radiotracer.targets.regression_check import RegressionCheck as RegressionCheck
