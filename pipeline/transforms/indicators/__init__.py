"""What macro indicators are made of: values as they were known, formulas, recessions. Definitions, section 6."""
