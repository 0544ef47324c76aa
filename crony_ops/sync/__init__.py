"""The wanted jobs against the stored ones: the plan, which is pure, and its application."""
