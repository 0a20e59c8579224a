"""A real-time talking-tutor engine."""

__version__ = "0.1.0"
