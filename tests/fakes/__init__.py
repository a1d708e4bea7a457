"""Small servers that speak the documented protocols over real loopback HTTP."""
