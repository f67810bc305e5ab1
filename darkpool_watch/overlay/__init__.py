"""Abuse laid over recorded tapes, which do not react."""
