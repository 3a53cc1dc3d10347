"""What holds now in the homes: silences, calls for help, lost devices, and what was noticed."""
