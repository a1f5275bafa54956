"""Measurements side by side with other libraries; never imported by the library itself."""
