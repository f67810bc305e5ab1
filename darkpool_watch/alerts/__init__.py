"""Stage 6: decisions to the world."""
