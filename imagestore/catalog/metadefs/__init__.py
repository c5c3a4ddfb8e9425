"""The operations on metadata definitions: authorise, check, do, record."""
