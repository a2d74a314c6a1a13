"""One kind of suspect model per file; see `radiotracer.provenance.models.kind`.

What a kind needs of other libraries is imported when a model is opened: a service needs no torch.
"""
