"""From a prediction to the training examples that caused it, and to the files that tell of them."""

from radiotracer.explaining.explanation import Explanation as Explanation
from radiotracer.explaining.explanation import explain as explain
from radiotracer.explaining.outputs import JSON_FILE as JSON_FILE
from radiotracer.explaining.outputs import PAGE_FILE as PAGE_FILE
from radiotracer.explaining.outputs import describe as describe
from radiotracer.explaining.outputs import write_explanation as write_explanation
