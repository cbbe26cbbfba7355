"""What attention reallocation does to small models, and what it costs."""
