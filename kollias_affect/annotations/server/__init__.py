"""The web server of the annotation tool.

`settings` holds what the owner chose, `security` refuses requests of strangers, `fields` checks
what a page sends, `sessions`, `lists`, `recording` and `reviewing` answer the requests, `media`
serves the page and the videos, `app` puts them together, and `run` starts it.
"""
