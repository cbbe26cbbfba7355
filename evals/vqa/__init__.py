"""Published benchmarks of questions about pictures, in their own file formats: V*Bench, HR-Bench, POPE."""
