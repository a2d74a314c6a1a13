"""From a recorded run or from opinions to what is flagged, and to the files that tell of it."""

from radiotracer.scanning.from_opinions import scan_opinions as scan_opinions
from radiotracer.scanning.out_of_fold import OutOfFold as OutOfFold
from radiotracer.scanning.outputs import RANKING_FILE as RANKING_FILE
from radiotracer.scanning.outputs import REPORT_FILE as REPORT_FILE
from radiotracer.scanning.outputs import SUMMARY_FILE as SUMMARY_FILE
from radiotracer.scanning.outputs import summarise as summarise
from radiotracer.scanning.outputs import write_scan as write_scan
from radiotracer.scanning.outputs import write_scan_files as write_scan_files
from radiotracer.scanning.plan import Plan as Plan
from radiotracer.scanning.plan import plan_scan as plan_scan
from radiotracer.scanning.ranked import Progress as Progress
from radiotracer.scanning.recorded import RecordedRun as RecordedRun
from radiotracer.scanning.reference import read_reference as read_reference
from radiotracer.scanning.result import Scan as Scan
from radiotracer.scanning.scan import scan as scan
from radiotracer.scanning.source import Source as Source
from radiotracer.scanning.validate import DEFAULT_DETECTORS as DEFAULT_DETECTORS
