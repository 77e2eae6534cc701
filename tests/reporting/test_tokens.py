"""Tokens in colour: by sign and size, with the number to read, and nothing of a text read as markup."""

from wherefrom.reporting.tokens import ScoredTokens, shared_scale


def test_colours_follow_sign_and_size() -> None:
    text = ScoredTokens(("<i>", " for", "\nagainst"), (None, 2.0, -1.0))
    html = str(text.html())
    assert "&lt;i&gt;" in html and "⏎against" in html
    assert 'title="+2" style="background: rgba(47, 111, 176, 0.750)' in html and 'title="−1" style="background: rgba(200, 85, 61, 0.375)' in html
    assert "rgba(47, 111, 176, 0.375)" in str(text.html(4.0))
    assert shared_scale([text, ScoredTokens(("a",), (None,))]) == 2 and str(ScoredTokens(("a",), (0.0,)).html()).count("0.000")
    assert shared_scale([]) == 0
