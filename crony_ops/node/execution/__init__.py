"""How one run is made: its attempts, processes, requests, log, secrets, and what they leave."""
