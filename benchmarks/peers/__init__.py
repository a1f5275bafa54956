"""One file for each library that Pullback is measured beside; only the harness imports them."""
