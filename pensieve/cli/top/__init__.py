"""`pensieve top`: a server's live figures in a terminal."""
