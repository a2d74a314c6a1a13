"""How tags are made and taught, and the test of them."""
