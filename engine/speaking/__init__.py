"""Text to speech: one module per synthesizer, the timing of words and phonemes, and the voice book."""
