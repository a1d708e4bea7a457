"""Makes the tokenizer that training and serving read texts with, in one way."""

from __future__ import annotations

from tokenizers import Tokenizer


def tokenizer_of(content: bytes, max_tokens: int) -> Tokenizer:
    """Return a tokenizer that cuts texts after `max_tokens` and pads none.

    `content` is a file in Hugging Face's tokenizers format.
    """
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer
