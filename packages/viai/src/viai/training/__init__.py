"""How the networks are learnt: VIAI-A first, VIAI-AV from it, the WaveNet by itself.

:mod:`viai.training.loop` reads from top to bottom and knows nothing of what is trained; the stages
say what one step is.
"""
