"""Metadata definitions as rows. Deleting one removes its row: the tables keep no trace of it."""
