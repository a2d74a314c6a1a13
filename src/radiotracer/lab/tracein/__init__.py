"""The experiment that the project starts from: tampered points found by influence on 20 queries."""

from radiotracer.lab.tracein.config import SCALES as SCALES
from radiotracer.lab.tracein.config import Scale as Scale
from radiotracer.lab.tracein.config import TraceInConfig as TraceInConfig
from radiotracer.lab.tracein.experiment import RESULT_FILE as RESULT_FILE
from radiotracer.lab.tracein.experiment import run_tracein as run_tracein
from radiotracer.lab.tracein.result import TraceInResult as TraceInResult
from radiotracer.lab.tracein.table import markdown as markdown
