"""The command line: one module for each group of commands.

Modules here import what a command needs inside the command, so that ``lmbench --help`` is quick.
"""
