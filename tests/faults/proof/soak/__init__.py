"""The soak: the cluster of the proof without faults, and does anything of it grow?"""
