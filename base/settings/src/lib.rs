//! YAML with places, and diagnoses in French.
