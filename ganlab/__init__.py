"""GANs on health data turned into images: ECGs in millivolts in, synthetic ECGs in millivolts out."""

__version__ = "0.1.0"
