"""evals.mini"""
