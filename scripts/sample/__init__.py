"""What ``scripts/sample_data.py`` makes of TPC-H."""
