"""The commands of ``mimamori``, a file each, and what they share on the console."""
