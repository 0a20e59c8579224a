"""A real-time talking-tutor engine."""

import os

__version__ = "0.1.0"

# Read when numpy is first imported. Our matrices are small: several threads would spin waiting for each other, at the
# cost of the sessions beside.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
