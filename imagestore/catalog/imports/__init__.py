"""Imports: bytes that the service fetches by itself, as durable work."""
