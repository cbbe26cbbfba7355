"""agents.search"""
