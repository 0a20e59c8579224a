"""Keeps what must not be said away from the language model, and away from the student: rules, a classifier, texts."""
