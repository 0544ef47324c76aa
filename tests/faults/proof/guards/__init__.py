"""What the promise rests on, taken out by hand: the proof must see each of them gone."""
