"""The REST API: a door beside the pages. It validates and shows; what changes anything are the actions."""
