"""agentkit.runs"""
