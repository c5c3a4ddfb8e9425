"""The description of the API: complete, and true of whatever a fuzzer asks."""
