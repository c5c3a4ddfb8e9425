"""Tempest and its Glance plugin against imagestore, or the real Glance, behind a real Keystone."""
