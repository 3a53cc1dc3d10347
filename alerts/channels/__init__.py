"""The channels, a folder each: sending, receiving, words, settings, and the provider that registers it."""
