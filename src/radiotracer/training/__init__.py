"""What reproduces the papers: reference networks, the training loop, the demo."""
