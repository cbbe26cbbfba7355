"""evals.scenes"""
