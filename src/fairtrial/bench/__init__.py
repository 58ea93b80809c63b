"""How fast fairtrial is on this machine, beside other ways to train the same models."""
