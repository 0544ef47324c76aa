"""The nemesis: a plan of faults and orders, and its carrying out."""
