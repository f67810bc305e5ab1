"""Stage 1: bytes in, events out."""
