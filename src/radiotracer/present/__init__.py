"""Findings become one JSON-able model, and that model becomes one offline HTML file.

`Findings` are a scan's, `Reasons` an explanation's, `Audited` an audit's; a `Glance` is what a
notebook shows of any of them.
"""

from radiotracer.present.audit_page import render_audit as render_audit
from radiotracer.present.audited import AuditControl as AuditControl
from radiotracer.present.audited import Audited as Audited
from radiotracer.present.audited import PastAudit as PastAudit
from radiotracer.present.findings import Curve as Curve
from radiotracer.present.findings import Dataset as Dataset
from radiotracer.present.findings import Decision as Decision
from radiotracer.present.findings import DetectorRow as DetectorRow
from radiotracer.present.findings import Distribution as Distribution
from radiotracer.present.findings import Example as Example
from radiotracer.present.findings import Findings as Findings
from radiotracer.present.findings import Group as Group
from radiotracer.present.findings import LabelFlow as LabelFlow
from radiotracer.present.findings import Opponent as Opponent
from radiotracer.present.findings import Validation as Validation
from radiotracer.present.glance import Figure as Figure
from radiotracer.present.glance import Glance as Glance
from radiotracer.present.glance import GlanceTable as GlanceTable
from radiotracer.present.reasons import Cause as Cause
from radiotracer.present.reasons import Push as Push
from radiotracer.present.reasons import Reason as Reason
from radiotracer.present.reasons import Reasons as Reasons
from radiotracer.present.reasons_page import bars as bars
from radiotracer.present.reasons_page import render_reasons as render_reasons
from radiotracer.present.render import render as render
from radiotracer.present.summaries import label_flow as label_flow
from radiotracer.present.summaries import precision_recall_curve as precision_recall_curve
from radiotracer.present.summaries import score_distribution as score_distribution
from radiotracer.present.thumbnails import LARGEST_SIDE as LARGEST_SIDE
from radiotracer.present.thumbnails import picture_uri as picture_uri
