"""The methods: each a small file that says where it comes from and which quirks it keeps or drops."""
