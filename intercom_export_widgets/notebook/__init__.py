"""The faces: the magic, the form, and the same as text. Nothing below knows them."""
