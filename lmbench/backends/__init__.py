"""The built-in models. Each is registered by an entry point, as a plugin's would be; uniform is the shortest."""
