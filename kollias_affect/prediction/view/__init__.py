"""The outputs of a prediction as an interactive page, in one file or served on this machine.

`reading` finds the tables of a prediction, `media` what can be shown beside them, and `packing`
makes of a table what the page's curves need. `contents` puts them together. `page` holds the page
itself: `writing` writes it as one file, with the help of `bundle`, and `server` serves it.
"""

from kollias_affect.prediction.view.writing import FILE_NAME, write_page

__all__ = ["FILE_NAME", "write_page"]
