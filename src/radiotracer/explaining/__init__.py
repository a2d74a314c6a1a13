"""From a prediction to the training examples that caused it."""

from radiotracer.explaining.explanation import Explanation as Explanation
from radiotracer.explaining.explanation import explain as explain
