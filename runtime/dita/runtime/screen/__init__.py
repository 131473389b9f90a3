"""``dita status``: one screen of what is published, of a running process or of a journal.

``look`` says what there is to see and whether it is alive, ``panels`` turns it into lines (pure: no terminal, no
clock), ``sources`` gets it, ``app`` shows it, and ``dialogs`` asks before anything is commanded.
"""
