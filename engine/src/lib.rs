//! Journal, routing, lanes and the journal's questions.
