"""Our exact tracers against captum and dattri: time, memory and scores on the same checkpoints.

    python -m bench speed [--quick] [--jobs sum pairs] [--without dattri] [--out FOLDER]

Trains a ResNet-18 and a small transformer on MNIST once, keeps their checkpoints in the cache, and
runs every library on the same checkpoints and examples, by turns, in one process. Methods that make
every example's gradient are measured on a part and scaled by the number of gradients; the table
says on what. The growth jobs follow our own tracers to larger sizes.
"""

from bench.speed.bench import run_speed as run_speed
from bench.speed.case import Case as Case
from bench.speed.case import CaseSpec as CaseSpec
from bench.speed.case import case_of as case_of
from bench.speed.case import open_case as open_case
from bench.speed.command import main as main
from bench.speed.config import QUICK as QUICK
from bench.speed.config import SpeedConfig as SpeedConfig
from bench.speed.jobs import JOB_NAMES as JOB_NAMES
from bench.speed.method import PEERS as PEERS
from bench.speed.method import Peer as Peer
from bench.speed.result import SpeedResult as SpeedResult
from bench.speed.table import tables as tables
