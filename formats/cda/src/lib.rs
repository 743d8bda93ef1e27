//! CDA R2 header in the French profile, read in streaming with positions.
