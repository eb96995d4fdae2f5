"""Every change of a proposal: writing it, reviewing it, publishing it."""
