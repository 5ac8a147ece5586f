"""Generators of the studies' pages."""
