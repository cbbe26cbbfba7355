"""evals.miniwob"""
