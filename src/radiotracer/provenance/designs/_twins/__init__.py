"""How twins are made, and the test of them."""
