"""The gate: every rule at every door by which bytes become an image's data, or another copy."""
