"""Rows: the schema, and every statement that runs on it. Knows no bytes."""
