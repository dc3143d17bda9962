//! Runs checks on several stores.

/// Makes a module for each store, with a test for each check: `<store>::<check>`.
///
/// Each store has a constructor for [`skip_unless!`](fritzy_testbed::skip_unless), which skips the
/// check where this machine has no such store. A check is a function of a file of this folder.
macro_rules! suite {
    ($($store:ident = $open:path),+ => $checks:tt) => {
        $(mod $store { checks_on!($open, $checks); })+
    };
}

macro_rules! checks_on {
    ($open:path, { $($file:ident::{ $($check:ident),+ $(,)? })+ }) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let fixture = fritzy_testbed::skip_unless!($open().await);
                crate::conformance::$file::$check(fixture).await;
            }
        )+)+
    };
}
