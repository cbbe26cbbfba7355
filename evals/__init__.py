"""agentkit.evals"""
