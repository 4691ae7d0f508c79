"""Generated texts whose entropy is known exactly; docs/sources.md has the formulas."""
