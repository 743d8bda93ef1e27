//! MSSanté: sending sink and simulator.
