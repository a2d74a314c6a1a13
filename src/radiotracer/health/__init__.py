"""The rest of a health check, from features and opinions: near copies, outliers, overlap, swaps."""

from radiotracer.health.files import NEAR_DUPLICATES_FILE as NEAR_DUPLICATES_FILE
from radiotracer.health.files import OUTLIERS_FILE as OUTLIERS_FILE
from radiotracer.health.files import write_health as write_health
from radiotracer.health.health import Health as Health
from radiotracer.health.health import health_of as health_of
