"""Who trains and who judges: splits by person."""
