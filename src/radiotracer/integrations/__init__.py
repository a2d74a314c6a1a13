"""A scan in the forms that other tools take, and recordings of what they train.

They are imported when asked for, or not at all.
"""

from radiotracer.integrations.fiftyone import fiftyone_fields as fiftyone_fields
from radiotracer.integrations.hugging_face import hugging_face_callback as hugging_face_callback
from radiotracer.integrations.issue_table import issue_table as issue_table
from radiotracer.integrations.lightning import lightning_callback as lightning_callback
from radiotracer.integrations.spotlight import spotlight_columns as spotlight_columns
