//! A disk that is really full: writes are refused and reads work. Once there is space, writes work
//! again without a restart (I1).

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use fritzy_testbed::{NODE_TIME_MAX, NodeProcess, Workspace, skip};
use fritzy_testbed_shop::{Api, Load, Response, SentRequests, all_accounts};
use hyper::Method;
use serde_json::{Value, json};

/// Enough for a database and its log, and small enough to fill quickly.
const DISK_SIZE: &str = "16m";
/// Acknowledged accounts before the disk is filled.
const ACKNOWLEDGED: usize = 200;
/// The log may contain free space when the disk has none: 4 MiB at most, of which each write takes
/// a few KiB.
const WRITES_UNTIL_REFUSED_MAX: usize = 20_000;

/// A small file system that only this process and its nodes see. Unmounted when dropped.
struct SmallDisk {
    holder: Child,
    _until_dropped: ChildStdin,
    in_user_namespace: bool,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts it at `folder`: as root, or as the root of a user namespace where those are allowed.
    fn mount(folder: &Path) -> Result<Self, String> {
        Self::mount_in(folder, false).or_else(|_| Self::mount_in(folder, true))
    }

    fn mount_in(folder: &Path, in_user_namespace: bool) -> Result<Self, String> {
        let script = format!(r#"mount -t tmpfs -o size={DISK_SIZE} none "$0" && echo && exec cat"#);
        let user: &[&str] = if in_user_namespace {
            &["--user", "--map-root-user"]
        } else {
            &[]
        };
        let mut holder = Command::new("unshare")
            .args(user)
            .args(["--mount", "sh", "-c", &script])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|failure| format!("unshare does not start: {failure}"))?;
        let until_dropped = holder.stdin.take().expect("piped");
        let mut said = String::new();
        let stdout = holder.stdout.take().expect("piped");
        let read = BufReader::new(stdout).read_line(&mut said);
        let disk = Self {
            holder,
            _until_dropped: until_dropped,
            in_user_namespace,
            folder: folder.to_owned(),
        };
        match read {
            Ok(1..) => Ok(disk),
            _ => Err("no file system may be mounted here".into()),
        }
    }

    /// Starts a node with its data on this disk.
    fn node(&self, workspace: &Workspace) -> NodeProcess {
        let node = workspace.command(&[]);
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.holder.id()));
        if self.in_user_namespace {
            command.args(["--user", "--preserve-credentials"]);
        }
        command
            .arg("--mount")
            .arg(node.get_program())
            .args(["--listen", "127.0.0.1:0", "--shards", "16", "--data-dir"])
            .arg(&self.folder)
            .env_clear();
        let mut node = workspace.spawn(&mut command);
        node.address();
        node
    }

    fn filler(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        let inside = self.folder.strip_prefix("/").expect("an absolute path");
        root.join(inside).join("filler")
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("a value");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

async fn create_product(api: &Api, name: &str) -> Response {
    let document = "mutation($name: String!) {
        createProduct(product: { name: $name, description: \"\", price: 1 }) { id }
    }";
    api.run_with(document, json!({ "name": name })).await
}

fn is_refused(response: &Response) -> bool {
    response.json().get("errors").is_some()
}

/// The value of a metric without labels.
async fn metric(api: &Api, name: &str) -> f64 {
    let request = api.request(Method::GET, "/metrics");
    let text = api.send(request, "").await.text;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no {name}: {text}"));
    value.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_full_disk_refuses_only_writes_until_space_is_free() {
    let workspace = Workspace::new();
    let folder = workspace.outside("small");
    fs::create_dir(&folder).expect("a folder");
    let disk = match SmallDisk::mount(&folder) {
        Ok(disk) => disk,
        Err(reason) => skip!(reason),
    };
    let mut node = disk.node(&workspace);
    let api = Api::at(node.address());
    let known = create_product(&api, "known")
        .await
        .text_at("/createProduct/id");
    let mut sent = SentRequests::default();
    let mut load = Load::start(&api, "disk");
    load.wait_acknowledged(ACKNOWLEDGED).await;
    assert!(metric(&api, "fritzy_commit_failures_total").await < 1.0);

    disk.fill();
    let mut kept = vec![json!({ "id": known })];
    let mut refused = None;
    for n in 0..WRITES_UNTIL_REFUSED_MAX {
        let response = create_product(&api, &format!("filling {n}")).await;
        if is_refused(&response) {
            refused = Some(response.json());
            break;
        }
        kept.push(json!({ "id": response.text_at("/createProduct/id") }));
    }
    let refused = refused.expect("a full disk takes no more");
    let extensions = &refused["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "UNAVAILABLE", "{refused}");
    assert_eq!(extensions["retryable"], true, "{refused}");
    assert!(extensions["retryAfterMs"].is_number(), "{refused}");
    assert!(metric(&api, "fritzy_commit_failures_total").await >= 1.0);

    // Reads work, from memory and from the file, so the node stays ready.
    let document = "query($id: String) { products(id: $id) { id } }";
    let read = api.run_with(document, json!({ "id": known })).await;
    assert_eq!(read.data("/products"), json!([{ "id": known }]));
    assert!(all_accounts(&api).await.len() >= ACKNOWLEDGED);
    let ready = api.request(Method::GET, "/healthz/ready");
    assert_eq!(api.send(ready, "").await.status, 200);

    disk.free();
    let deadline = Instant::now() + NODE_TIME_MAX;
    loop {
        let response = create_product(&api, "again").await;
        if !is_refused(&response) {
            kept.push(json!({ "id": response.text_at("/createProduct/id") }));
            break;
        }
        assert!(
            Instant::now() < deadline,
            "there is room, and still: {response:?} {}",
            node.log()
        );
    }
    for n in 0..ACKNOWLEDGED {
        let created = create_product(&api, &format!("after {n}")).await;
        kept.push(json!({ "id": created.text_at("/createProduct/id") }));
    }
    node.kill();
    load.collect(&mut sent).await;

    let mut node = disk.node(&workspace);
    let api = Api::at(node.address());
    sent.require_kept(&api).await;
    let mut listed: Vec<Value> = Vec::new();
    loop {
        let document =
            "query($skip: Int) { products(pagination: { skip: $skip, take: 1000 }) { id } }";
        let page = api
            .run_with(document, json!({ "skip": listed.len() }))
            .await;
        match page.data("/products").as_array() {
            Some(page) if !page.is_empty() => listed.extend(page.iter().cloned()),
            _ => break,
        }
    }
    assert_eq!(
        listed, kept,
        "I1: what was acknowledged, once, in its order"
    );
    node.kill();
}
