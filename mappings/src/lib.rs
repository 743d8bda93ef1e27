//! Mappings from formats to shapes.
