"""The rules that a definition has to keep; each collects all it finds."""
