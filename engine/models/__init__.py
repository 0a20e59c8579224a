"""Where weights come from: find, verify, prepare, fetch, warm up."""
