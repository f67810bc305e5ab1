"""Stage 4: rows of features become scores, one stream per security. Importing it loads no torch."""
