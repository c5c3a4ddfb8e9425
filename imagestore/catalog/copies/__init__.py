"""Copies of an image in more stores: which are wanted, how they are made."""
