"""What the README's figures come from; every module prints a table of ratios from one run."""
