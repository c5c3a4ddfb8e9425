"""Bytes on their way between a source, digests, inspection and stores. Knows no rows."""
