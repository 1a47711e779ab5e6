"""The key that the sandbox of these tests lets in."""

KEY = "the-right-key"
