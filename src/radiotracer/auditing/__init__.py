"""Was this model trained on my data? From a suspect model to a p-value and its evidence."""
