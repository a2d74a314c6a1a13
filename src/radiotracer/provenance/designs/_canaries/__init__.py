"""How canaries are made, and the test of them."""
