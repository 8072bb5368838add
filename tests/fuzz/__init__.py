"""Random damage to everything that reads what others wrote; run by ``make fuzz``."""
