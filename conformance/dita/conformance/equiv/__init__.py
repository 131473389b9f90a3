"""The machine code against the reference: each path of the image's step is proved equal to the reference's paths."""
