"""tools.browser"""
