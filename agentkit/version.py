"""The version of this agentkit."""

VERSION = "0.1.0"
