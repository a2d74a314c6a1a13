"""Large works in units: kept as they finish, done anywhere, always with the same result."""

from radiotracer.scale.ledger import FolderLedger as FolderLedger
from radiotracer.scale.ledger import Ledger as Ledger
from radiotracer.scale.ledger import MemoryLedger as MemoryLedger
from radiotracer.scale.ledger import Result as Result
from radiotracer.scale.processes import Processes as Processes
from radiotracer.scale.ray_runner import RayRunner as RayRunner
from radiotracer.scale.runner import InProcess as InProcess
from radiotracer.scale.runner import Note as Note
from radiotracer.scale.runner import Runner as Runner
from radiotracer.scale.runner import Stages as Stages
from radiotracer.scale.runner import Tell as Tell
from radiotracer.scale.runner import Work as Work
from radiotracer.scale.runner import finish as finish
from radiotracer.scale.runner import result_of as result_of
from radiotracer.scale.runner import torch_threads as torch_threads
