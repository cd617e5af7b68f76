"""From a convolution to a comic strip: a diffusion book you can run and a library you can import

Modules:

- `autocomics.core`: Devices, seeds, pictures and tensors, files that are whole or absent, downloads that are checked."""

__version__ = "0.1.0"

def strip(*captions, model='scenes', **kwargs):
    "Draw a comic strip, one panel per caption; the arguments are those of `autocomics.comics.strip.draw`"
    from .comics.generators import draw
    return draw(*captions, model=model, **kwargs)
