"""Runs that are over or under way: which one is meant, what it printed, what they add up to."""
