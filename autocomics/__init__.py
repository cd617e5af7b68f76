"Captions in, a comic strip out: from a convolution to a comic strip, in notebooks that are the library"
__version__ = "0.1.0"

def strip(*captions, model='scenes', **kwargs):
    "Draw a comic strip, one panel per caption; the arguments are those of `autocomics.comics.strip.draw`"
    from .comics.generators import draw
    return draw(*captions, model=model, **kwargs)
