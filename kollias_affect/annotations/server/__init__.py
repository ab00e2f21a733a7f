"""The web server of the annotation tool.

`settings` holds what the owner chose, `fields` checks what a page sends, `sessions`, `lists`,
`recording` and `reviewing` answer the requests, `media` serves the page and the videos, `app` puts
them together, and `start` prepares it from the options of the command.
"""
