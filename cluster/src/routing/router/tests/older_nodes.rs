//! Requests that nodes of an older version do not know.

use super::*;

#[tokio::test(start_paused = true)]
async fn request_that_an_older_node_does_not_know_is_refused() {
    let fixture = start([]);
    fixture.run_here(1);
    assert_eq!(fixture.ask(NEWEST).await, Ok((SHARD, NEWEST)));
    let map = fixture.router.map();
    map.set_wires([WIRE_MAX, WIRE_MIN, WIRE_MAX].into_iter());
    let refused = fixture.ask(NEWEST).await;
    assert!(
        matches!(refused, Err(Failure::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(fixture.ask(UNKEYED).await, Ok((SHARD, UNKEYED)));

    // Also one that another node would handle: nothing is sent.
    fixture.apply(Some(2), 2);
    let refused = fixture.ask(NEWEST).await;
    assert!(
        matches!(refused, Err(Failure::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(*fixture.script.requested.lock().expect("no panic"), []);

    map.set_wires([WIRE_MAX].into_iter());
    fixture.run_here(3);
    assert_eq!(fixture.ask(NEWEST).await, Ok((SHARD, NEWEST)));
}
