"""The demo company: an invented shop with real parts, for trying Bisync and for its own tests."""
