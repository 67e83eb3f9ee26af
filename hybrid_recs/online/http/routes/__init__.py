"""The HTTP routes, by what they are about; `api.py` puts them together."""
