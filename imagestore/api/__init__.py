"""HTTP in, HTTP out: parse, call the catalog, serialise."""
