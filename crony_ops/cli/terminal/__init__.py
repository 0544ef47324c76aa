"""How the command line speaks with people and machines: output, questions, waiting, settings."""
