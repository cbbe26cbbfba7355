"""tools.vision"""
