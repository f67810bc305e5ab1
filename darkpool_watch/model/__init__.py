"""Stage 4: rows to scores."""
