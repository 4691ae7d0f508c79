"""lmbench: classical and neural language models in one honest table."""
