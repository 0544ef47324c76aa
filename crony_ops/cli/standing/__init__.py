"""What `status` tells, once or again and again."""
