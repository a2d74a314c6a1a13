"""Files that were made to do harm, each written when a test wants it; none is kept.

One file per family, each with a list ``CORPUS``.
"""
