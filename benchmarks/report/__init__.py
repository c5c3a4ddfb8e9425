"""The results told: which rows and targets there are, as a table, as a picture."""
