"""One form of data per file; see `radiotracer.data.format` for what it has to say."""

from radiotracer.data.format import FORMATS as FORMATS
from radiotracer.data.format import CannotWriteError as CannotWriteError
from radiotracer.data.format import Format as Format
from radiotracer.data.format import Options as Options
from radiotracer.data.format import Place as Place
from radiotracer.data.format import Written as Written
