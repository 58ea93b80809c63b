"""Models of other libraries that recipes are compared with."""
