"""A tape or a capture through the same pipeline as live flow."""
