"""Makes the API's canonical specification from whatever form of it the vendor publishes."""
