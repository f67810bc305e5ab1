"""Recorded formats to events."""
