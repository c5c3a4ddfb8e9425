"""The cache of a node: files in a directory that all worker processes of the node share."""
