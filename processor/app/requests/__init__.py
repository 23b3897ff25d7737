"""Requests beyond the domain's rules: files, pages, handing in, carrying out by hand, taking back."""
