"""The built-in models, one file a family; each is registered by an entry point, as a plugin is."""
