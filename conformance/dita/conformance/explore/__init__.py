"""The explorer: kernel × runtime × venue × lossy network × settlement, in full, for safety and liveness."""
