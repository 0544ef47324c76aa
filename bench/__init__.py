"""What Crony Ops costs, each piece of work beside the least that it could cost."""
