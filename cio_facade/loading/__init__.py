"""Loading of tables, files and queries."""
