"""agents.web"""
