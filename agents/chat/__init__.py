"""agents.chat"""
