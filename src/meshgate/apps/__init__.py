"""Stand-ins for sample images: ordinary servers that run as local processes.

They import nothing of ours and are imported by nobody: a pod runs them by `python3 -m meshgate.apps.NAME`.
"""
