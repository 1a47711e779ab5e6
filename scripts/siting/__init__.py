"""From the project's documents to the pages of its site."""
