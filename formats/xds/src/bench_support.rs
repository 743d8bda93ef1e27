//! What the measures need beside the public face.
