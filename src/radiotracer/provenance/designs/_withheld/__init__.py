"""How pairs are laid out, how they are asked about, and the test of them."""
