//! A projection that waits for somebody's decision: the log says so when it begins and when it
//! ends.

use std::io::{self, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fritzy_projections::Begin;

use crate::ledger::Log;
use crate::shop::{TestShop, eventually};

/// The lines that were logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn with(&self, part: &str) -> Vec<String> {
        let bytes = self.0.lock().expect("not poisoned");
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| line.contains(part));
        lines.map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_projection_is_logged_once_and_goes_on() {
    let lines = Lines::default();
    let writer = lines.clone();
    let logs = tracing_subscriber::fmt().with_ansi(false);
    let logs = logs.with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(logs);
    let shop = TestShop::new().await;
    let log = Log::default();
    log.waits.store(true, SeqCst);
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..20).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let said = lines.with("another ledger is kept");
    assert!(said.len() == 1 && said[0].contains("WARN"), "{said:?}");
    assert_eq!(lines.with("a projection failed"), [""; 0]);
    let (_, status) = running.status().next().expect("there is one");
    assert_eq!((status.lag_events, status.restarts), (20, 0));

    log.waits.store(false, SeqCst);
    eventually(|| log.len() == 20).await;
    assert_eq!(lines.with("waits no longer").len(), 1);
    running.stop().await;
    log.require_each_once_in_order();
}
