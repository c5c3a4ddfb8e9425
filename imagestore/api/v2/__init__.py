"""The OpenStack Images API, version 2."""
