"""One's own account, the people of a project and of the installation, and what they did."""
