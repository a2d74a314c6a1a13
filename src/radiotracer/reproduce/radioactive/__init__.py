"""How much a mark shows: marked data, a suspect trained on them, and every audit of it."""

from radiotracer.reproduce.radioactive.bench import run_audits as run_audits
from radiotracer.reproduce.radioactive.config import QUICK as QUICK
from radiotracer.reproduce.radioactive.config import RADIOACTIVE as RADIOACTIVE
from radiotracer.reproduce.radioactive.config import AuditConfig as AuditConfig
from radiotracer.reproduce.radioactive.config import Scale as Scale
from radiotracer.reproduce.radioactive.config import SuspectKind as SuspectKind
from radiotracer.reproduce.radioactive.result import AuditCell as AuditCell
from radiotracer.reproduce.radioactive.table import markdown as markdown
