"""Callers told apart by Keystone tokens (``[paste_deploy] flavor = keystone``)."""
