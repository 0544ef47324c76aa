"""Why a job ran or did not, and why there."""
