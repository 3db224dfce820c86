"""What the router reads: the text of the key is the user's messages alone, without the template."""

KEY_MESSAGES = 4  # the last ones, joined by newlines (re-routing); a conversation's first message alone is the default
KEY_TOKENS = 256  # the last ones
