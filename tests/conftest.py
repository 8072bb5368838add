"""Settings of every test: laws are tried on the same examples each time, however slow the machine."""

import torch
from hypothesis import settings

settings.register_profile("deep3", deadline=None, derandomize=True, database=None)
settings.load_profile("deep3")

# Matrices are small: threads of a product would only wait for each other.
torch.set_num_threads(1)
