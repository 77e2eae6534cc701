"""Influence, RelatIF and DIVINE side by side, after a thesis of 2022."""
