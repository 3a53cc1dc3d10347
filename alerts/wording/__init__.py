"""The words of messages, in Japanese and English, and the links in them."""
