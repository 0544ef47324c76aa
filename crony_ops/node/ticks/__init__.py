"""When something is due on this node, and whether it is ours: ticks, cursors, claims."""
