//! DMP: sink and simulator (TD2.1, TD3.1, TD3.3c).
