"""Pretrained causal and masked models of the Hugging Face hub."""
