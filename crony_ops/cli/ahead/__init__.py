"""What fires when, from now on."""
