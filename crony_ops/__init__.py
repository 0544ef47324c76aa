"""Cron for a fleet, the GitOps way."""

__version__ = "0.1.0"
