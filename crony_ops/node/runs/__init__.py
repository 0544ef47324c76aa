"""The runs that this node has claimed: under way, due, left by an earlier life, ordered to end."""
