"""What a tutor may look up: documents cut into passages, found again by words and by meaning."""
