"""``/v2/metadefs``: metadata definitions."""
