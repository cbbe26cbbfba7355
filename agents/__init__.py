"""agentkit.agents"""
