"""Messages in, token ids out: canonical form, chat template, tokenizer."""
