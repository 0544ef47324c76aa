"""What people are told, and by which way: the rules, the words, the channels."""
