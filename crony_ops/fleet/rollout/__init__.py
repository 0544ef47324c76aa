"""Running a playbook: which one, what it would do, how far it is, and what came of it."""
