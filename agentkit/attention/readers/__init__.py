"""Readers for people and methods: relevance maps, head scores, attention over a generation."""
