"""A user's own profiles (casinos, players, strategies, counts), each an aggregate with its own history.

It reads commands and a profile's past, and writes only its next events: pure deciders and folds, as for jobs. It promises that a name
stands for one profile of its owner and type. What the data mean is not its business.
"""
