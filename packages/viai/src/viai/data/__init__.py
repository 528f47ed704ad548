"""What comes in: videos with sound, and lists of them, as windows of samples, pictures and flow.

- :mod:`viai.data.videos`: a folder ``<class>/<id>.<ext>`` of any videos, prepared once
- :mod:`viai.data.clips`: the layout that preparing writes, and who may learn from what
- :mod:`viai.data.music`: the lists of the MUSIC data sets, and the layout of clips that the paper's authors used
- :mod:`viai.data.windows`: windows of four seconds with gaps, for training and for evaluation
- :mod:`viai.data.gap_lists`: the gaps of an evaluation, drawn once and kept in a file
- :mod:`viai.data.synthetic`: performances that are composed, played and drawn by the package itself
"""
