"""Model weights: finding, verifying, preparing and fetching them."""
