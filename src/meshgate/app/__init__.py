"""The composition root: parts made and joined; the pipeline from objects to proxies; offline translation.

May import everything but cli and tour. Imported by name (`app.options`, `app.control_plane`, `app.translate`), so that
the command line starts fast.
"""
