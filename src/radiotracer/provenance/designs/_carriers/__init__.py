"""How images are moved along carriers, and the tests of that."""
