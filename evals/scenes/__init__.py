"""Procedural scenes with ground truth, and questions about them with gold answers."""

from .large import large_scene
from .questions import Question, ask
from .scene import Scene, SceneHost, SceneObject, crop_scene

__all__ = ["Question", "Scene", "SceneHost", "SceneObject", "ask", "crop_scene", "large_scene"]
