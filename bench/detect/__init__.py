"""Which detector finds which tampering: recipes x detectors x data sets x seeds x protocols.

    python -m bench detect [--quick] [--protocols head-only] [--recipes random-flip ...]

Each cell tampers with 5,000 examples, trains the victim, and scans it. Two protocols are reported
apart: head-only trains the last layer on a frozen extractor that saw 20,000 other, clean examples;
from-scratch trains everything. So are attacks that succeeded and others, recipes that detectors
were designed on and held-out ones. The folder gets one JSON for each cell, table.md and figure.svg;
a benchmark that was stopped goes on where it was.
"""

from bench.detect.bench import FIGURE_FILE as FIGURE_FILE
from bench.detect.bench import TABLE_FILE as TABLE_FILE
from bench.detect.bench import run_detect as run_detect
from bench.detect.command import main as main
from bench.detect.config import DEVELOPMENT as DEVELOPMENT
from bench.detect.config import HELD_OUT as HELD_OUT
from bench.detect.config import PROTOCOLS as PROTOCOLS
from bench.detect.config import QUICK as QUICK
from bench.detect.config import DetectConfig as DetectConfig
from bench.detect.config import Protocol as Protocol
from bench.detect.result import Cell as Cell
from bench.detect.table import tables as tables
