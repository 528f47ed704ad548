"""Colours of garments: foreground, palette, hue circles, and the rule that names an outfit's style."""
