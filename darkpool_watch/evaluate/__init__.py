"""How well detection works, and whether the simulated market gives its labels away."""
