"""Tables, pages and pictures of a run, made from its stored results."""
