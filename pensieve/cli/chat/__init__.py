"""`pensieve chat`: a conversation in the terminal."""
