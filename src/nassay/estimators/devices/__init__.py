"""What an architecture costs on a device: measured or modelled latency."""
