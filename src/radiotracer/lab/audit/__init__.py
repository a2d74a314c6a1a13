"""How much a mark shows: marked data, a suspect trained on them, and every audit of it."""

from radiotracer.lab.audit.bench import run_audits as run_audits
from radiotracer.lab.audit.config import QUICK as QUICK
from radiotracer.lab.audit.config import RADIOACTIVE as RADIOACTIVE
from radiotracer.lab.audit.config import AuditConfig as AuditConfig
from radiotracer.lab.audit.config import Scale as Scale
from radiotracer.lab.audit.config import SuspectKind as SuspectKind
from radiotracer.lab.audit.result import AuditCell as AuditCell
from radiotracer.lab.audit.table import markdown as markdown
