"""The simulated market and the abuse injected into it."""
