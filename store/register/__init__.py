"""The register of people, homes and the relations between them: what may be in it, its file, and its one writer."""
