"""The configured stores: each driver with its wrappers, found by name or location."""
