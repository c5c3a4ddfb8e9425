"""The cache in front of a slow store: one image for many clients, and hits."""
