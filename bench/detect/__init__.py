"""Which detector finds which tampering: recipes x detectors x data sets x seeds x protocols."""

from bench.detect.bench import FIGURE_FILE as FIGURE_FILE
from bench.detect.bench import TABLE_FILE as TABLE_FILE
from bench.detect.bench import run_detect as run_detect
from bench.detect.config import DEVELOPMENT as DEVELOPMENT
from bench.detect.config import HELD_OUT as HELD_OUT
from bench.detect.config import PROTOCOLS as PROTOCOLS
from bench.detect.config import QUICK as QUICK
from bench.detect.config import DetectConfig as DetectConfig
from bench.detect.config import Protocol as Protocol
from bench.detect.result import Cell as Cell
from bench.detect.table import tables as tables
