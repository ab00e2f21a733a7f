"""What the pages for browsers share: the annotation tool and the view of predictions.

`security` refuses requests of strangers, `running` finds host, port and token and starts a server,
`page_files` reads the files of a page, `playback` tells which videos browsers play, and the folder
`page` holds the scripts and colours that the pages have in common.
"""
