"""From the cells of a run to what people read."""
