"""Stage 5: scores to decisions."""
