"""Nodes and stores that fail at random, for as long as one likes."""
