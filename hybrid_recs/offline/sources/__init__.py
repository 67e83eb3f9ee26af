"""What a dataset.toml says, and its files as lazy frames of columns, whatever their format."""
