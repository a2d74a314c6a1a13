"""Weights that somebody else saved, opened with nothing in reach."""
