"""How the cluster stands, read at one revision, and what that says of jobs and nodes."""
