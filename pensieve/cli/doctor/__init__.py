"""Whether everything is as it has to be: what is looked at, and what to do about it."""
