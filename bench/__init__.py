"""Measuring: speed, quality, error rates and costs, each a file here; `python -m bench NAME`."""
