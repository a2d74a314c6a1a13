"""Look at what a scan flagged one by one, decide, and take a cleaned data set away."""
