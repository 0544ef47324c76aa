"""How secrets are looked up where they are used, and kept out of what is told."""
