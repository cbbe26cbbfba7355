"""A research benchmark without network: questions of one to three hops over real material that packages ship."""
