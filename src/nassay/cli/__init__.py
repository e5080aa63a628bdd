"""Few verbs, the same nouns as the folders."""
