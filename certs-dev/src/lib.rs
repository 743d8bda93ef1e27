//! A test authority in the image of the IGC-Santé. Never a real key.
