"""The operations on images, one doorway for all callers: authorise, check, do, record, tell."""
