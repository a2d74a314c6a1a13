"""Which detector finds which tampering: recipes x detectors x data sets x seeds x protocols."""

from radiotracer.lab.detect.bench import FIGURE_FILE as FIGURE_FILE
from radiotracer.lab.detect.bench import TABLE_FILE as TABLE_FILE
from radiotracer.lab.detect.bench import run_detect as run_detect
from radiotracer.lab.detect.config import DEVELOPMENT as DEVELOPMENT
from radiotracer.lab.detect.config import HELD_OUT as HELD_OUT
from radiotracer.lab.detect.config import PROTOCOLS as PROTOCOLS
from radiotracer.lab.detect.config import QUICK as QUICK
from radiotracer.lab.detect.config import DetectConfig as DetectConfig
from radiotracer.lab.detect.config import Protocol as Protocol
from radiotracer.lab.detect.result import Cell as Cell
from radiotracer.lab.detect.table import tables as tables
