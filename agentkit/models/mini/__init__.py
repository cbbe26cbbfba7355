"""agentkit.models.mini"""
