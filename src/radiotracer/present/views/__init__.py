"""How people see facts: one file per fact, which registers its view (`radiotracer.views`)."""
