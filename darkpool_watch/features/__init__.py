"""Stage 3: observations to rows of 240 features."""
