"""Every option: its name and default in the file, and its typed value in the code."""
