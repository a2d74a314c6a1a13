"""Frozen networks and other fixed ways to look at examples: from a data set to features."""
