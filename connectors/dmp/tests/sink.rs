//! The sink against the simulated DMP, over real mutual TLS.

mod world;

use world::*;

#[tokio::test]
async fn a_document_is_fed_and_arrives_byte_for_byte() {
    let world = World::new(Setup::default());

    let report = world.send(world.submit("1.2.250.1.999.7.1")).await;

    assert_eq!(word(&report), "done déposé", "{report:?} {:?}", world.findings());
    assert_eq!(world.held(), [("1.2.250.1.999.7.1".to_owned(), "Approved".to_owned())]);
    assert_eq!(world.simulator.content("1.2.250.1.999.7.1").unwrap(), cda("1.2.250.1.999.7.1", 1));
    assert_eq!(world.findings(), Vec::<String>::new());
}
