"""What a row may draw: grammars, their masks, and thinking before them."""
