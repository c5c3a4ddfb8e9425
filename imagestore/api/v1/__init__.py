"""The Images API v1, for clients of 2014."""
