//! Parses the output of strace, and checks whether each response was sent after the sync of the
//! batch it acknowledges.
//!
//! The order of the lines is the order of events: a call's arguments are written before the kernel
//! begins with it, its result after it has ended. A call that another thread's call interrupts is
//! on two lines, "<unfinished ...>" and "<... resumed>".

/// One system call, on one or two lines of the output.
#[derive(Debug, PartialEq, Eq)]
struct Call<'t> {
    name: &'t str,
    /// The first argument, where it is a number.
    descriptor: Option<u32>,
    /// The line with its arguments.
    text: &'t str,
    began: usize,
    /// The line with its result, and whether that is a success.
    ended: Option<(usize, bool)>,
}

/// A fault of the response that acknowledges one id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing with the id was written to a file.
    NotWritten,
    /// No response with the id was sent.
    NotSent,
    /// The response was sent before the end of a sync of the file that began after the write.
    SentBeforeSync,
}

/// The calls of a trace, in the order they began.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    // The unfinished call of each thread.
    let mut open: Vec<(&str, usize)> = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let mut parts = line.trim_start().splitn(2, ' ');
        let (Some(thread), Some(rest)) = (parts.next(), parts.next()) else {
            continue;
        };
        // Skips the time: the order of the lines is more precise.
        let Some((_, text)) = rest.trim_start().split_once(' ') else {
            continue;
        };
        if text.starts_with("<... ") {
            if let Some(at) = open.iter().position(|(of, _)| *of == thread) {
                let (_, index) = open.swap_remove(at);
                calls[index].ended = Some((number, is_success(text)));
            }
            continue;
        }
        let Some((name, arguments)) = text.split_once('(') else {
            continue;
        };
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        let digits = arguments.split([',', ')', ' ']).next().unwrap_or_default();
        let ended = if text.ends_with("<unfinished ...>") {
            open.push((thread, calls.len()));
            None
        } else {
            Some((number, is_success(text)))
        };
        calls.push(Call {
            name,
            descriptor: digits.parse().ok(),
            text,
            began: number,
            ended,
        });
    }
    calls
}

/// The result is after the last " = ".
fn is_success(text: &str) -> bool {
    text.rsplit_once(" = ")
        .is_some_and(|(_, result)| result.starts_with(|first: char| first.is_ascii_digit()))
}

/// The faults by id; ids without a fault are left out.
pub(crate) fn faults<'i>(trace: &str, ids: &'i [String]) -> Vec<(&'i str, Fault)> {
    let calls = calls(trace);
    let fault = |id: &'i String| fault(&calls, id).map(|fault| (id.as_str(), fault));
    ids.iter().filter_map(fault).collect()
}

fn fault(calls: &[Call<'_>], id: &str) -> Option<Fault> {
    let sends = |call: &&Call<'_>| {
        matches!(call.name, "sendto" | "sendmsg" | "write" | "writev")
            && call.text.contains("HTTP/1.1 ")
    };
    let mut with_id = calls.iter().filter(|call| call.text.contains(id));
    let written = with_id
        .clone()
        .find(|call| matches!(call.name, "pwrite64" | "pwritev"));
    let sent = with_id.find(sends);
    let Some((written, Some((written_at, true)))) = written.map(|call| (call, call.ended)) else {
        return Some(Fault::NotWritten);
    };
    let Some(sent) = sent else {
        return Some(Fault::NotSent);
    };
    let is_synced = calls.iter().any(|call| {
        matches!(call.name, "fsync" | "fdatasync")
            && call.descriptor == written.descriptor
            && call.began > written_at
            && call.ended.is_some_and(|(at, ok)| ok && at < sent.began)
    });
    (!is_synced).then_some(Fault::SentBeforeSync)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &str = r#"7 1.000001 pwrite64(9, "..id-1..", 8, 0) = 8"#;
    const SEND: &str =
        r#"8 1.000009 writev(12, [{iov_base="HTTP/1.1 200 OK ... id-1", iov_len=9}], 1) = 9"#;
    const SYNC: &str = "7 1.000002 fdatasync(9) = 0";

    fn fault_of(lines: &[&str]) -> Option<Fault> {
        let ids = ["id-1".to_owned()];
        faults(&lines.join("\n"), &ids)
            .pop()
            .map(|(_, fault)| fault)
    }

    #[test]
    fn sync_between_write_and_response_is_accepted() {
        assert_eq!(fault_of(&[WRITE, SYNC, SEND]), None);
    }

    #[test]
    fn response_before_the_sync_is_a_fault() {
        assert_eq!(fault_of(&[WRITE, SEND, SYNC]), Some(Fault::SentBeforeSync));
        assert_eq!(fault_of(&[SYNC, WRITE, SEND]), Some(Fault::SentBeforeSync));
        assert_eq!(fault_of(&[WRITE, SEND]), Some(Fault::SentBeforeSync));
    }

    #[test]
    fn missing_write_or_response_is_a_fault() {
        assert_eq!(fault_of(&[SYNC, SEND]), Some(Fault::NotWritten));
        assert_eq!(fault_of(&[WRITE, SYNC]), Some(Fault::NotSent));
    }

    #[test]
    fn sync_that_failed_or_of_another_file_does_not_count() {
        let other = "7 1.000002 fdatasync(10) = 0";
        let failed = "7 1.000002 fdatasync(9) = -1 EIO (Input/output error)";
        for sync in [other, failed] {
            assert_eq!(fault_of(&[WRITE, sync, SEND]), Some(Fault::SentBeforeSync));
        }
    }

    #[test]
    fn sync_counts_from_its_end_within_its_thread() {
        let began = "7 1.000002 fdatasync(9 <unfinished ...>";
        let ended = "7 1.000003 <... fdatasync resumed>) = 0";
        let others = "6 1.000003 <... fdatasync resumed>) = 0";
        assert_eq!(fault_of(&[WRITE, began, ended, SEND]), None);
        let late = fault_of(&[WRITE, began, SEND, ended]);
        assert_eq!(late, Some(Fault::SentBeforeSync));
        let of_another = fault_of(&[WRITE, began, others, SEND]);
        assert_eq!(of_another, Some(Fault::SentBeforeSync));
    }

    #[test]
    fn sync_that_began_before_the_write_ended_does_not_count() {
        let began = r#"7 1.000001 pwrite64(9, "..id-1..", 8, 0 <unfinished ...>"#;
        let ended = "7 1.000003 <... pwrite64 resumed>) = 8";
        let sync = "6 1.000002 fdatasync(9) = 0";
        let fault = fault_of(&[began, sync, ended, SEND]);
        assert_eq!(fault, Some(Fault::SentBeforeSync));
        assert_eq!(fault_of(&[began, ended, SYNC, SEND]), None);
    }
}
