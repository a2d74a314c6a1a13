"""A scan in the forms that other tools take; they are imported when asked for, or not at all."""

from radiotracer.integrations.fiftyone import fiftyone_fields as fiftyone_fields
from radiotracer.integrations.issue_table import issue_table as issue_table
from radiotracer.integrations.spotlight import spotlight_columns as spotlight_columns
