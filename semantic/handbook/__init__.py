"""What people read about formulas: made from the language itself, with examples that are executed by tests.

Nothing in this package knows Django or files.
"""
