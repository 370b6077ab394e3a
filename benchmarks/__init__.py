"""audiozoo beside its peers: every contender in a process of its own, run in turn, in one session on one machine."""
