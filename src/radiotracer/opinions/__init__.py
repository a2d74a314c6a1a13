"""Opinions about labels by models that never saw them: fitted out of fold, judged, calibrated."""

from radiotracer.opinions.forming import form_opinions as form_opinions
from radiotracer.opinions.opinions import Opinions as Opinions
