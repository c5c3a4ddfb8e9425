"""Locations: what they may be, how they come to an image and go."""
