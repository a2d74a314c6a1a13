"""Look at a scan's suspects one by one, decide, and take a cleaned data set away."""
