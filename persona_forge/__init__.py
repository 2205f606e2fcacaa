"""persona_forge grows authored persona seeds into training data for voice models that stay in character."""

__version__ = "0.1.0"
