"""From a convolution to a comic strip: a diffusion book you can run and a library you can import

Captions in, a comic strip out. autocomics is a book in notebooks that explains and implements the whole way, from what a convolution is to a text-to-image diffusion model, and the library that these notebooks export. Small weights come with the package and draw at once, offline, on a CPU; the same commands take OpenAI's GLIDE weights and a GPU, when you have them.

Modules:

- `autocomics.core`: Devices, seeds, pictures and tensors, files that are whole or absent, downloads that are checked.
- `autocomics.data.collections`: Sets that others have gathered: emoji, Flickr30k, comic books, names on Kaggle and the Hub, and a folder of your own.
- `autocomics.data.laion`: A billion rows of addresses and captions, and the few thousand among them that are about boats.
- `autocomics.data.scenes`: Captioned comic panels without end: a composer that knows the truth of every caption it writes.
- `autocomics.data.wikipedia`: From the title of an article to its pictures with their captions, licences and authors, in any language, politely.
- `autocomics.diffusion.guidance`: Wrapping a denoiser so that it draws what was asked for.
- `autocomics.diffusion.process`: Adding noise step by step, and every equation that is needed to go back.
- `autocomics.diffusion.samplers`: Three ways back from noise to a picture, as plain generators over one denoiser.
- `autocomics.glide.pipeline`: Two networks, one sampler and a seed per picture: `TextToImage`, with inpainting, previews, and steps that can be stopped
- `autocomics.glide.text2im`: GLIDE's text-conditioned U-Net, built part by part and equal to OpenAI's published networks to the last parameter name"""

__version__ = "0.1.0"

def strip(*captions, model=None, **kwargs):
    "Draw a comic strip, one panel per caption, and return it as a `Strip`; the arguments are those of `autocomics.comics.generators.draw`"
    from .comics.generators import draw
    return draw(*captions, model=model, **kwargs)

def __getattr__(name):
    # nothing heavy is imported before it is asked for
    if name == 'StripBuilder':
        from .comics.builder import StripBuilder
        return StripBuilder
    raise AttributeError(f"module 'autocomics' has no attribute {name!r}")
