"""Where R comes from, one file each, which registers it in `randomness.STRENGTHS`."""
