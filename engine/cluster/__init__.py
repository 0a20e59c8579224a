"""Several engines that stand in for each other: who is there, who has room, and what a session remembers."""
