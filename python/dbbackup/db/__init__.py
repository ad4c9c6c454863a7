"""Databases: what stands in ``DATABASES`` becomes a source or a target of the engine."""
