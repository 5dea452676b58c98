"""The mind of Lennonnet: finds photos, turns them into features, learns a subject and scores it. Knows no Qt."""

__version__ = "0.1.0"
