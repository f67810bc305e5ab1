"""Figures an engineer can trust: open loop, raw samples kept, the machine named."""
