"""Stored bytes and records kept in agreement: recovery, patrol, orphans, scrubber."""
