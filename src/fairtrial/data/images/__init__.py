"""Sets of images: finding, downloading and reading them."""
