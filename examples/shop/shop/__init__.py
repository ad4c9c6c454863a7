"""A small shop: customers and their orders."""
