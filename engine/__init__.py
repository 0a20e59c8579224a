"""A real-time talking-tutor engine."""

import os

__version__ = "0.1.0"

# Read when numpy is first imported. Our matrices are small: several threads would spin waiting for each other, at the
# cost of the sessions beside.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# onnxruntime's Linux builds report models and hardware to its maker unless this is set (since 1.29). Nothing a school
# runs calls home.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
