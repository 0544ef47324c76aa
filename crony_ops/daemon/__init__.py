"""What both daemons share: starting and ending, their log, and the page that tells how they are."""
