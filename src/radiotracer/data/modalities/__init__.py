"""One kind of example per file; see `radiotracer.data.modality` for what it has to say."""
