//! HL7 v2: zero-copy index, builder, paths, charsets, checks of the French volets.
