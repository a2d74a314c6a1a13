"""The built-in backbones, one a file; each registers itself."""
