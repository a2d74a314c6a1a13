"""Our exact tracers against captum and dattri: time, memory and scores on the same checkpoints."""

from radiotracer.lab.speed.bench import run_speed as run_speed
from radiotracer.lab.speed.case import Case as Case
from radiotracer.lab.speed.case import CaseSpec as CaseSpec
from radiotracer.lab.speed.case import case_of as case_of
from radiotracer.lab.speed.case import open_case as open_case
from radiotracer.lab.speed.config import QUICK as QUICK
from radiotracer.lab.speed.config import SpeedConfig as SpeedConfig
from radiotracer.lab.speed.jobs import JOB_NAMES as JOB_NAMES
from radiotracer.lab.speed.method import PEERS as PEERS
from radiotracer.lab.speed.method import Peer as Peer
from radiotracer.lab.speed.result import SpeedResult as SpeedResult
from radiotracer.lab.speed.table import tables as tables
