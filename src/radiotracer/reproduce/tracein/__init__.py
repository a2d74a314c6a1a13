"""The experiment that the project starts from: tampered points found by influence on 20 queries."""

from radiotracer.reproduce.tracein.config import SCALES as SCALES
from radiotracer.reproduce.tracein.config import Scale as Scale
from radiotracer.reproduce.tracein.config import TraceInConfig as TraceInConfig
from radiotracer.reproduce.tracein.experiment import RESULT_FILE as RESULT_FILE
from radiotracer.reproduce.tracein.experiment import run_tracein as run_tracein
from radiotracer.reproduce.tracein.result import TraceInResult as TraceInResult
from radiotracer.reproduce.tracein.table import markdown as markdown
