"""Settings of all tests."""

from hypothesis import settings

# No test depends on how fast the machine is.
settings.register_profile("agentkit", deadline=None, max_examples=50)
settings.load_profile("agentkit")
