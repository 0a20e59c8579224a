"""A school's web tier: students log in and get sessions with tutors of the engine."""
