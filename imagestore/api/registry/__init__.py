"""The registry of 2014: the catalogue as other services of the same cloud asked for it."""
