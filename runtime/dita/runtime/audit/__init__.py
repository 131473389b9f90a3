"""Every known flaw, put back in a scratch copy and put to the layers that should notice it."""
