"""Searches of the web: each service a small file, one interface."""
