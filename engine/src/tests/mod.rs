//! The whole engine in one process: fake sources, steps and sinks, real SQLite, virtual clock, seeded randomness.
//! In: scripted partners. Out: facts about deliveries, journeys and balances. No sleep, no network.

mod answers;
mod counts;
mod crash;
mod editions;
mod holds;
mod hostile;
mod lanes;
mod notices;
mod partners;
mod purge;
mod recall;
mod refusals;
mod repeats;
mod routes;
mod sealed;
mod store;
mod unreadable;
mod world;
