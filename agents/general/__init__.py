"""agents.general"""
