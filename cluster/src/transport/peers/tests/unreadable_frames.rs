//! A frame that cannot be decoded, on a connection between two processes.

use super::*;
use crate::protocol::envelope;
use crate::protocol::frame::Frame;
use crate::protocol::gate_message::GateMessage;

#[tokio::test]
async fn unreadable_frame_fails_requests_and_reconnects() {
    let (first, second) = two_numbers();
    let mut here = start(second).await;
    let there = OtherProcess::start(first);
    here.peers.set_nodes(vec![record(first, there.port)]).await;
    here.wait_connected(node(first), true).await;
    let connection = here.peers.shared.connection(node(first));
    let connection = connection.expect("connected");
    // Such as only a defect sends: a version that was not negotiated.
    let frame = Frame {
        from: *node(second).as_uuid().as_bytes(),
        connection: connection.id,
        messages: vec![],
    };
    let mut bytes = envelope::encode(&frame, WIRE_MAX);
    bytes[..2].copy_from_slice(&(WIRE_MAX + 1).to_le_bytes());
    let mut dispatchers = ractor::pg::get_members(&gate_group(node(first))).into_iter();
    let dispatcher = ActorRef::<GateMessage>::from(dispatchers.next().expect("one of theirs"));
    let request = here.ask(node(first), NEVER, LONG);
    let break_it = async {
        sleep(Duration::from_millis(100)).await;
        let sent = dispatcher.send_message(GateMessage::Frame(bytes));
        sent.expect("connected");
        Instant::now()
    };
    let (reply, broken) = tokio::join!(request, break_it);
    assert_eq!(reply, Err(AskError::ConnectionLost));
    let waited = broken.elapsed();
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    drop(connection);
    here.wait_connected(node(first), true).await;
    assert!(here.ask(node(first), ECHO, LONG).await.is_ok());
}
