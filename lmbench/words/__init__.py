"""What each word of a text costs a model: words as byte offsets, and sums of a model's events over them."""
