"""Replication between this service and other sites, as background work."""
