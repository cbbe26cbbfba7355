"""Published contracts: pydantic models whose JSON Schemas ``agentkit schema NAME`` prints."""
