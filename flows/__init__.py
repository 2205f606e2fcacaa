"""Prefect flows: thin wrappers over persona_forge.run. Names cross a task's border, never frames."""
