"""Pictures of routes and networks. `…_layout` rooms are geometry alone; the others need matplotlib.

Lengths are inches, x from the left and y from the top of the page. What is drawn depends on the
network alone, so the same question gives the same bytes.
"""

import logging

# That it looks for fonts, or keeps its cache elsewhere, is nothing for whoever wants a picture.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
