"""The callbacks of a training, its processes on several devices, and compiled networks; Lightning's Trainer trains."""
