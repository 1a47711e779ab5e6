"""Commands, a module each. A module is light to import: what is heavy is imported when the command runs."""
