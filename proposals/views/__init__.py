"""The inbox and the review page; the form that writes a proposal, and its help."""
