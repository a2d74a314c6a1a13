"""Findings become one JSON-able model, and that model becomes one offline HTML file.

`Findings` are a scan's, `Reasons` an explanation's, `Audited` an audit's; a `Glance` is what a
notebook shows of any of them.
"""

from radiotracer.report.audit_page import render_audit as render_audit
from radiotracer.report.audited import AuditControl as AuditControl
from radiotracer.report.audited import Audited as Audited
from radiotracer.report.audited import AuditLook as AuditLook
from radiotracer.report.findings import Curve as Curve
from radiotracer.report.findings import Dataset as Dataset
from radiotracer.report.findings import Decision as Decision
from radiotracer.report.findings import DetectorRow as DetectorRow
from radiotracer.report.findings import Distribution as Distribution
from radiotracer.report.findings import Findings as Findings
from radiotracer.report.findings import Group as Group
from radiotracer.report.findings import LabelFlow as LabelFlow
from radiotracer.report.findings import Opponent as Opponent
from radiotracer.report.findings import Queries as Queries
from radiotracer.report.findings import Suspect as Suspect
from radiotracer.report.glance import Figure as Figure
from radiotracer.report.glance import Glance as Glance
from radiotracer.report.glance import GlanceTable as GlanceTable
from radiotracer.report.reasons import Cause as Cause
from radiotracer.report.reasons import Push as Push
from radiotracer.report.reasons import Reason as Reason
from radiotracer.report.reasons import Reasons as Reasons
from radiotracer.report.reasons_page import bars as bars
from radiotracer.report.reasons_page import render_reasons as render_reasons
from radiotracer.report.render import render as render
from radiotracer.report.summaries import label_flow as label_flow
from radiotracer.report.summaries import precision_recall_curve as precision_recall_curve
from radiotracer.report.summaries import score_distribution as score_distribution
from radiotracer.report.thumbnails import LARGEST_SIDE as LARGEST_SIDE
from radiotracer.report.thumbnails import png_uri as png_uri
