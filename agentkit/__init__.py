"""agentkit: multimodal agents."""
