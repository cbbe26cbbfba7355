"""The local index: passages in SQLite with their words, vectors in Chroma."""
